// Talos' own code as a witness: reads one request a line as JSON from standard input and answers each with one line. Texts stay texts, so that the
// tests decide what to compare.
//
//	{"op": "validate", "config": "…"}                     loads strictly and validates in cloud mode, as a node does
//	{"op": "patch", "config": "…", "patches": ["…"]}      Talos' patcher; no patches: only encoded anew, a normal form
//	{"op": "generate", "secrets": "…", "contract": "v1.13", "cluster": …, "endpoint": …, "kubernetes": …, "type": "controlplane"}
//	{"op": "secrets-load", "secrets": "…"}                checks secrets.yaml and writes it anew
//	{"op": "secrets-new", "contract": "v1.13"}            "type": "talhelper" writes as talhelper 3 does; "config": the secrets of a machine config
//
// An answer is {"ok": true, "text": "…", "warnings": […]} or {"ok": false, "error": "…", "panic": true if it was one}.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"go.yaml.in/yaml/v4"
	yamlv3 "gopkg.in/yaml.v3"
)

type request struct {
	Op, Config, Secrets, Contract, Cluster, Endpoint, Kubernetes, Type string
	Patches                                                            []string
}

type answer struct {
	OK       bool     `json:"ok"`
	Text     string   `json:"text,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Error    string   `json:"error,omitempty"`
	Panic    bool     `json:"panic,omitempty"`
}

// A cloud platform's node: it boots from an image, so nothing has to be installed.
type cloud struct{}

func (cloud) String() string        { return "cloud" }
func (cloud) RequiresInstall() bool { return false }
func (cloud) InContainer() bool     { return false }

func validate(r request) (string, []string, error) {
	provider, err := configloader.NewFromBytes([]byte(r.Config))
	if err != nil {
		return "", nil, err
	}
	warnings, err := provider.Validate(cloud{})
	return "", warnings, err
}

func patch(r request) (string, []string, error) {
	if len(r.Patches) == 0 {
		provider, err := configloader.NewFromBytes([]byte(r.Config))
		if err != nil {
			return "", nil, err
		}
		text, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
		return string(text), nil, err
	}
	var patches []configpatcher.Patch
	for _, text := range r.Patches {
		one, err := configpatcher.LoadPatch([]byte(text))
		if err != nil {
			return "", nil, err
		}
		patches = append(patches, one)
	}
	out, err := configpatcher.Apply(configpatcher.WithBytes([]byte(r.Config)), patches)
	if err != nil {
		return "", nil, err
	}
	provider, err := out.Config()
	if err != nil {
		return "", nil, err
	}
	text, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	return string(text), nil, err
}

// LoadBundle() takes a file only.
func loadBundle(text string) (*secrets.Bundle, error) {
	dir, err := os.MkdirTemp("", "talos-witness")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "secrets.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	bundle, err := secrets.LoadBundle(path)
	if err != nil {
		return nil, err
	}
	if err := validateBundle(bundle); err != nil {
		return nil, err
	}
	// Talos does not notice a key that is not its certificate's.
	for _, pair := range []*x509.PEMEncodedCertificateAndKey{bundle.Certs.Etcd, bundle.Certs.K8s, bundle.Certs.K8sAggregator, bundle.Certs.OS} {
		if _, err := tls.X509KeyPair(pair.Crt, pair.Key); err != nil {
			return nil, err
		}
	}
	return bundle, nil
}

func secretsLoad(r request) (string, []string, error) {
	bundle, err := loadBundle(r.Secrets)
	if err != nil {
		return "", nil, err
	}
	text, err := yaml.Marshal(bundle)
	return string(text), nil, err
}

// What talosctl and topf write is Marshal()'s; talhelper's gensecret encodes the same bundle by another library and with other indents (its
// pkg/secret/print.go), and takes it out of a machine config with -f (pkg/talos/secret.go).
func secretsNew(r request) (string, []string, error) {
	contract, err := config.ParseContractFromVersion(r.Contract)
	if err != nil {
		return "", nil, err
	}
	var bundle *secrets.Bundle
	if r.Config == "" {
		bundle, err = secrets.NewBundle(secrets.NewClock(), contract)
	} else if provider, failed := configloader.NewFromBytes([]byte(r.Config)); failed != nil {
		err = failed
	} else {
		bundle, err = bundleFromConfig(provider)
	}
	if err != nil {
		return "", nil, err
	}
	if r.Type == "talhelper" {
		var text bytes.Buffer
		encoder := yamlv3.NewEncoder(&text)
		encoder.SetIndent(2)
		err := encoder.Encode(bundle)
		return text.String(), nil, err
	}
	text, err := yaml.Marshal(bundle)
	return string(text), nil, err
}

func generateConfig(r request) (string, []string, error) {
	contract, err := config.ParseContractFromVersion(r.Contract)
	if err != nil {
		return "", nil, err
	}
	bundle, err := loadBundle(r.Secrets)
	if err != nil {
		return "", nil, err
	}
	bundle.Clock = secrets.NewClock()
	input, err := generate.NewInput(r.Cluster, r.Endpoint, r.Kubernetes, generate.WithVersionContract(contract), generate.WithSecretsBundle(bundle))
	if err != nil {
		return "", nil, err
	}
	kind, err := machine.ParseType(r.Type)
	if err != nil {
		return "", nil, err
	}
	provider, err := input.Config(kind)
	if err != nil {
		return "", nil, err
	}
	text, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	return string(text), nil, err
}

func serve(line []byte) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{Error: fmt.Sprint(p), Panic: true}
		}
	}()
	ops := map[string]func(request) (string, []string, error){
		"validate": validate, "patch": patch, "generate": generateConfig, "secrets-load": secretsLoad, "secrets-new": secretsNew,
	}
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return answer{Error: err.Error()}
	}
	op, known := ops[r.Op]
	if !known {
		return answer{Error: "there is no op " + r.Op}
	}
	text, warnings, err := op(r)
	if err != nil {
		return answer{Error: err.Error(), Warnings: warnings}
	}
	return answer{OK: true, Text: text, Warnings: warnings}
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		if err := out.Encode(serve(in.Bytes())); err != nil {
			os.Exit(1)
		}
	}
	if in.Err() != nil {
		fmt.Fprintln(os.Stderr, in.Err())
		os.Exit(1)
	}
}
