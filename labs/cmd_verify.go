package main

import (
	"context"
	"fmt"
	"time"

	"insideetcd/labs/lab"
	"insideetcd/labs/verify"
)

func runVerify(ctx context.Context, p *program, args []string) error {
	set := p.flags("verify")
	all := set.Bool("all", false, "200 repetitions, the race detector, every test of every trick: some minutes")
	if err := set.Parse(args); err != nil {
		return err
	}
	clone, err := p.clone()
	if err != nil {
		return err
	}
	labs, err := lab.Load(clone)
	if err != nil {
		return err
	}
	if set.NArg() > 0 {
		labs = nil
		for _, id := range set.Args() {
			l, err := lab.Find(clone, id)
			if err != nil {
				return err
			}
			labs = append(labs, l)
		}
	}
	verify.Commands = nil
	for _, c := range commands() {
		verify.Commands = append(verify.Commands, c.name)
	}
	proven := true
	for _, l := range labs {
		fmt.Fprintf(p.out, "lab %s, %s\n", l.ID, l.Title)
		v := verify.Verifier{Root: clone, Lab: l, Effort: verify.Usual}
		if *all {
			v.Effort = verify.Everything
		}
		if err := v.Run(ctx, func(proof verify.Proof) { proven = p.tellProof(proof) && proven }); err != nil {
			return err
		}
	}
	if !proven {
		return errSilent
	}
	return nil
}

func (p *program) tellProof(proof verify.Proof) bool {
	mark, detail := "ok    ", proof.Detail
	if proof.Err != nil {
		mark, detail = "FAILED", proof.Err.Error()
	}
	fmt.Fprintf(p.out, "%s %d  %s (%s)\n         %s\n", mark, proof.Number, proof.Claim, proof.Took.Round(100*time.Millisecond), detail)
	return proof.Err == nil
}
