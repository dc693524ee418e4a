package compare

// Shrink looks for a shorter history that diverges too: it leaves out pieces, large ones
// first, as long as something of the divergence is left, and asks diverges at most budget
// times. It returns the shortest it has found, and its divergence.
func Shrink(steps []Step, first *Divergence, budget int, diverges func([]Step) *Divergence) ([]Step, *Divergence) {
	for size := (len(steps) + 1) / 2; size > 0; {
		isShorter := false
		for at := 0; at < len(steps) && budget > 0; {
			budget--
			shorter := append(append([]Step{}, steps[:at]...), steps[min(at+size, len(steps)):]...)
			if d := diverges(shorter); d != nil {
				steps, first, isShorter = shorter, d, true
			} else {
				at += size
			}
		}
		if budget <= 0 || (size == 1 && !isShorter) {
			break
		}
		size = max(1, size/2)
	}
	return steps, first
}
