// The signer of compose.node.yml: what CometBFT signs with, for a key in a file, over one connection after the other, for as long
// as it takes. CometBFT's own program for that, priv_val_server, gives up for ever where its node does not listen within a
// second, and does not notice that its node has gone.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/privval"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
)

// silence is the longest time without a word of the node, which asks for a sign of life every few seconds.
const silence = 30 * time.Second

// longest is the most bytes of a request, as CometBFT has it.
const longest = 10 * 1024

func main() {
	node := flag.String("node", "", "address at which the node waits for its signer")
	chain := flag.String("chain-id", "", "the chain for which it signs")
	home := flag.String("home", "/data", "the home with the key and the signing state")
	flag.Parse()
	if *node == "" || *chain == "" {
		end("name the node and its chain: -node HOST:PORT -chain-id ID (DIEM_CHAIN_ID of compose.node.yml)")
	}
	key := filepath.Join(*home, "cometbft/config/priv_validator_key.json")
	state := filepath.Join(*home, "cometbft/data/priv_validator_state.json")
	for _, file := range []string{key, state} {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			end("there is no " + file + ": bring key and signing state into this volume with `diemd validator import-key`, as \"In containers\" in the book says")
		}
	}
	// Each vote is in the file of the state before it leaves, so that this process may end at any moment.
	signer := privval.LoadFilePV(key, state)
	say("looking for the node at " + *node + ", for as long as it takes")
	dial := privval.DialTCPFn(*node, 3*time.Second, ed25519.GenPrivKey())
	for ; ; time.Sleep(time.Second) {
		connection, err := dial()
		if err != nil {
			continue
		}
		say("connected to the node")
		err = serve(connection, signer, *chain)
		say("the node has gone: " + err.Error())
		_ = connection.Close()
	}
}

// serve answers one connection of the node until it ends.
func serve(connection net.Conn, signer *privval.FilePV, chain string) error {
	reader, writer := protoio.NewDelimitedReader(connection, longest), protoio.NewDelimitedWriter(connection)
	for {
		if err := connection.SetDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		var request privvalproto.Message
		if _, err := reader.ReadMsg(&request); err != nil {
			return err
		}
		// What is not signed is answered too, with the reason.
		answer, err := privval.DefaultValidationRequestHandler(signer, request, chain)
		if err != nil {
			say(err.Error())
		}
		if _, err := writer.WriteMsg(&answer); err != nil {
			return err
		}
	}
}

func say(sentence string) {
	fmt.Println(time.Now().UTC().Format(time.RFC3339), sentence)
}

func end(sentence string) {
	fmt.Fprintln(os.Stderr, "signer: "+sentence)
	os.Exit(1)
}
