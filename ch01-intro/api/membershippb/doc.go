// Package membershippb holds membership changes as entries of the v3 log. Clusters of 3.5 and
// newer write them; a 3.4 cluster sends the same facts as etcdserverpb.Request, so here they
// are only read.
package membershippb
