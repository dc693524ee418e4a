package main

import (
	"context"
	"fmt"
	"runtime"

	"insideetcd/labs/bugs"
)

func runBugs(ctx context.Context, p *program, args []string) error {
	flags := p.flags("bugs")
	list := flags.Bool("list", false, "name the bugs instead of planting them")
	sample := flags.Int("sample", 0, "plant only that many, chosen by -by")
	by := flags.String("by", "", "what chooses the sample, e.g. a commit's hash")
	workers := flags.Int("j", max(1, runtime.NumCPU()/2), "bugs that are hunted at a time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	all, err := bugs.All()
	if err != nil {
		return err
	}
	if all, err = bugs.Select(all, flags.Args()); err != nil {
		return err
	}
	if *sample > 0 {
		all = bugs.Sample(all, *sample, *by)
	}
	if *list {
		for _, b := range all {
			fmt.Fprintf(p.out, "%s\n    %s\n    %s\n", b.ID, b.Rule, b.Story)
		}
		return nil
	}
	table := bugs.NewTable(p.out, all)
	if err := bugs.NewHunter(p.root).HuntAll(ctx, all, *workers, table.Add); err != nil {
		return err
	}
	if !table.Close() {
		return errSilent
	}
	return nil
}
