// Package compare runs random histories on the model and on something that claims to be a
// store, and tells where they part.
//
// Vocabulary. A history is a list of steps. A [Step] is a number: the seed from which one
// request is drawn, with the model's state in view, so that revisions lie near what is
// there. Leave steps out, and the rest still means something; that is what [Shrink] does
// until no step can be missed. A [Target] is what is compared: a store in this process, or a
// server behind a connection. A [Row] is a known difference, with a name and a reason: the
// comparison counts it and goes on, or ends the history there if the two have different
// contents from then on. Everything else is a [Divergence].
//
// Each request goes to both, and the answers must be equal, refusals too, to the letter.
// Watches are looked at now and then, and always before a compaction, since what a watch
// gets of the past depends on which of the two is first.
//
// A failure tells the shrunk history as the requests that were sent, and the seed that
// makes it again.
package compare
