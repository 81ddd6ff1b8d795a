package replay

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"strings"
)

// parseAPIGateway reads a line of an access log of AWS's API Gateway in the CSV
// or XML format that its console proposes (its CLF is an access log, its JSON a
// JSON log):
//
//	192.0.2.7,-,-,10/Oct/2000:13:55:36 +0000,GET,/pets/{id},HTTP/1.1,200,57,id
//
// The path is the resource's template, and there is no query.
func parseAPIGateway(line, host string) (Entry, error) {
	const unknown = UnknownHeaders | UnknownBody | UnknownTarget | UnknownQuery
	l := logged{unknown: unknown}
	var status, when string
	if strings.HasPrefix(line, "<") {
		var x struct {
			ID       string `xml:"id,attr"`
			IP       string `xml:"ip"`
			Time     string `xml:"requestTime"`
			Method   string `xml:"httpMethod"`
			Path     string `xml:"resourcePath"`
			Status   string `xml:"status"`
			Protocol string `xml:"protocol"`
		}
		if err := xml.Unmarshal([]byte(line), &x); err != nil {
			return Entry{}, errors.New("not XML: " + err.Error())
		}
		l.id, l.client, l.method, l.target, l.protocol = x.ID, x.IP, x.Method, x.Path, x.Protocol
		status, when = x.Status, x.Time
	} else {
		fields, err := csv.NewReader(strings.NewReader(line)).Read()
		if err != nil || len(fields) < apiGatewayFields {
			return Entry{}, errNoAPIGateway
		}
		l.client, when, l.method, l.target = fields[0], fields[3], fields[4], fields[5]
		l.protocol, status, l.id = fields[6], fields[7], fields[9]
	}
	l.setStatus(status)
	l.time = parseTime(when, clfTime)
	return l.entry(host)
}

// apiGatewayFields are those up to the request's id.
const apiGatewayFields = 10

var errNoAPIGateway = errors.New("not a line of API Gateway's CSV format: it should look like ADDRESS,CALLER,USER,TIME,GET,/path,HTTP/1.1,200,123,ID")

func isAPIGatewayLine(line []byte) bool {
	text := string(line)
	if strings.HasPrefix(text, "<request ") {
		return strings.Contains(text, "<httpMethod>")
	}
	fields := strings.Split(text, ",")
	return len(fields) >= apiGatewayFields && isMethod(fields[4]) && strings.HasPrefix(fields[6], "HTTP/") && isStatus(fields[7])
}
