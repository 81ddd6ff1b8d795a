package seclang

// DidYouMean gives a hint such as `did you mean "pass"?` when one of names is
// close to word, and "" when none is. It serves callers that check words of
// their own, such as the keys of a policy.
func DidYouMean(word string, names []string) string {
	return didYouMean(nearest(word, names))
}
