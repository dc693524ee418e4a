package main

import "context"

func runVerify(ctx context.Context, p *program, args []string) error { return nil }
