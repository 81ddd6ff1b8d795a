package native

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tabard/engine"
	"tabard/internal/ftw"
)

// Exchange is what a test can be made of.
type Exchange struct {
	Request engine.Request
	Body    []byte
	// Response is nil when there was none, or none to speak of.
	Response *ftw.Response
}

// Record makes a test of an exchange and the verdict it got: the rules that
// matched are expected, and the status of a block. rule is the rule that the
// test is about; 0 stands for the first that matched. When it has not matched,
// the test is its twin, in which it must stay quiet. The error is a verdict
// that says nothing about any rule.
func Record(x Exchange, v engine.Verdict, rule, id int) (ftw.Suite, error) {
	matched := judging(v)
	if rule == 0 && len(matched) > 0 {
		rule = matched[0]
	}
	if rule == 0 {
		return ftw.Suite{}, errors.New("no rule has matched: name the one that is to stay quiet")
	}
	t := ftw.Test{Name: strconv.Itoa(rule) + "-" + strconv.Itoa(id), ID: id, Description: "to be written: what this request shows"}
	stage := ftw.Stage{Input: input(x)}
	if slices.Contains(matched, rule) {
		stage.Output.ExpectIDs = matched
		if v.Action == engine.Block {
			stage.Output.Status = v.Status
		}
	} else {
		stage.Output.NoExpectIDs = []int{rule}
	}
	t.Stages = []ftw.Stage{stage}
	s := ftw.Suite{File: "recorded", RuleID: rule, Description: "to be written: what rule " + strconv.Itoa(rule) + " stops", Tests: []ftw.Test{t}}
	return s, survives(s)
}

// judging lists the rules that matched and log, in the order they did, without
// those of CRS that only compare the score.
func judging(v engine.Verdict) (ids []int) {
	for _, m := range v.Matches {
		switch m.ID / 1000 {
		case 949, 959, 980:
			continue
		}
		if !slices.Contains(ids, m.ID) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// input writes a request field by field or, when YAML has no word for some of
// its bytes, as it is sent.
func input(x Exchange) ftw.Input {
	// Runners know where to send it; go-ftw wants an address all the same.
	in := ftw.Input{DestAddr: "127.0.0.1", Port: 80, Method: x.Request.Method, URI: x.Request.Target, Version: x.Request.Protocol, Data: x.Body, Response: x.Response}
	if !strings.HasPrefix(in.Version, "HTTP/1") {
		in.Version = "HTTP/1.1" // the format knows no other
	}
	texts := []string{in.Method, in.URI}
	if x.Request.Headers.Get("host") == "" && x.Request.Authority != "" {
		in.Headers = append(in.Headers, ftw.Header{Name: "Host", Value: x.Request.Authority})
	}
	for _, line := range x.Request.Headers {
		in.Headers = append(in.Headers, ftw.Header{Name: line[0], Value: line[1]})
		texts = append(texts, line[0], line[1])
	}
	if plain(texts) {
		return in
	}
	return ftw.Input{DestAddr: in.DestAddr, Port: in.Port, EncodedRequest: message(in), Response: in.Response}
}

// plain says whether texts are such that YAML, and the templates that some
// runners look for, give them back.
func plain(texts []string) bool {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.Contains(s, "{{") {
			return false
		}
	}
	return true
}

// message is a request as it is sent.
func message(in ftw.Input) []byte {
	var b strings.Builder
	b.WriteString(in.Method + " " + in.URI + " " + in.Version + "\r\n")
	for _, h := range in.Headers {
		b.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(in.Data)
	return []byte(b.String())
}

// survives says whether the suite is the same after it was written and read.
func survives(s ftw.Suite) error {
	text, err := ftw.FormatV2(s)
	if err != nil {
		return err
	}
	again, err := ftw.Load("recorded", text)
	if err != nil {
		return fmt.Errorf("the request cannot be written as a test: %w", err)
	}
	before, after := s.Tests[0].Stages[0].Input, again.Tests[0].Stages[0].Input
	if string(before.EncodedRequest) != string(after.EncodedRequest) || string(before.Data) != string(after.Data) ||
		before.URI != after.URI && before.EncodedRequest == nil || !reflect.DeepEqual(before.Headers, after.Headers) {
		return errors.New("the request cannot be written as a test: it would be read as another one")
	}
	return nil
}
