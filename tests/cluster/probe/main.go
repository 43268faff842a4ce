// Serves what it is called, and asks others: the program in the pods of tests/cluster/prove.
//
//	probe serve WORDS   answers every request on port 8080 with WORDS
//	probe get URL       prints an answer
//	probe api PATH      asks the API server, as a pod does: by its address in the environment, its authority and its account's token
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func get(url, token string, authorities *x509.CertPool) {
	request, err := http.NewRequest("GET", url, nil)
	check(err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}}
	answer, err := client.Do(request)
	check(err)
	fmt.Println(answer.Status)
	_, err = io.Copy(os.Stdout, answer.Body)
	check(err)
}

func main() {
	switch os.Args[1] {
	case "serve":
		fmt.Println(os.Args[2])
		check(http.ListenAndServe(":8080", http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { fmt.Fprintln(out, os.Args[2]) })))
	case "get":
		get(os.Args[2], "", nil)
	case "api":
		token, err := os.ReadFile(account + "token")
		check(err)
		authority, err := os.ReadFile(account + "ca.crt")
		check(err)
		authorities := x509.NewCertPool()
		authorities.AppendCertsFromPEM(authority)
		get("https://"+os.Getenv("KUBERNETES_SERVICE_HOST")+":"+os.Getenv("KUBERNETES_SERVICE_PORT")+os.Args[2], string(token), authorities)
	}
}
