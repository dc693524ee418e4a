package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// serverPIDs finds the processes behind the endpoints, each once. An endpoint on another
// machine is an error: a process here that has the same port is not it.
func serverPIDs(ctx context.Context, endpoints []string) ([]int, error) {
	var pids []int
	for _, endpoint := range endpoints {
		addr, err := localAddr(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		pid, err := listenerPID(addr)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// localAddr resolves an endpoint to an address of this machine.
func localAddr(ctx context.Context, endpoint string) (netip.AddrPort, error) {
	hostport, err := hostPort(endpoint)
	if err != nil {
		return netip.AddrPort{}, err
	}
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("endpoint %s: %w", endpoint, err)
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("endpoint %s: %w", endpoint, err)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("endpoint %s: %w", endpoint, err)
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("addresses of this machine: %w", err)
	}
	for _, addr := range addrs {
		addr = addr.Unmap()
		here := addr.IsLoopback() || slices.ContainsFunc(own, func(a net.Addr) bool {
			prefix, err := netip.ParsePrefix(a.String())
			return err == nil && prefix.Addr().Unmap() == addr
		})
		if here {
			return netip.AddrPortFrom(addr, uint16(number)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("endpoint %s is not on this machine", endpoint)
}
