// Writes the vectors of key proofs by a vote (key_proof_vote.json) with CometBFT's own encoder and keys:
// `go run key_proof_vote.go > key_proof_vote.json` in a module that requires github.com/cometbft/cometbft v0.38.25.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

type vector struct {
	Message   string `json:"message"`
	Seconds   int64  `json:"seconds"`
	Nanos     int    `json:"nanos"`
	SignBytes string `json:"sign_bytes"`
	PublicKey string `json:"public_key"`
	Signature string `json:"signature"`
}

func main() {
	key := ed25519.GenPrivKeyFromSecret([]byte("a key that proves itself by a vote"))
	consensus := key.PubKey().Bytes()
	chain := "diem-test-dev"
	operator, bridge := make([]byte, 20), make([]byte, 20)
	for i := range operator {
		operator[i], bridge[i] = 9, 7
	}
	message := append([]byte("diem-bridge-key/1"), byte(len(chain)))
	message = append(message, chain...)
	message = append(message, operator...)
	message = append(message, consensus...)
	message = append(message, bridge...)
	hash := sha256.Sum256(message)
	vectors := []vector{}
	for _, at := range []time.Time{
		time.Date(2026, 11, 28, 23, 0, 0, 123456789, time.UTC),
		time.Date(2026, 11, 28, 23, 0, 0, 0, time.UTC),
		time.Unix(0, 0).UTC(),
		time.Unix(0, 1).UTC(),
		time.Unix(-1, 5).UTC(),
		{}, // the zero time of Go, the first second of year 1
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
	} {
		vote := cmtproto.Vote{
			Type:   cmtproto.PrecommitType,
			Height: 1,
			Round:  0,
			BlockID: cmtproto.BlockID{
				Hash:          hash[:],
				PartSetHeader: cmtproto.PartSetHeader{Total: 1, Hash: hash[:]},
			},
			Timestamp: at,
		}
		bytes := types.VoteSignBytes("diem-key-proof-1", &vote)
		signature, err := key.Sign(bytes)
		if err != nil {
			panic(err)
		}
		vectors = append(vectors, vector{
			Message:   hex.EncodeToString(message),
			Seconds:   at.Unix(),
			Nanos:     at.Nanosecond(),
			SignBytes: hex.EncodeToString(bytes),
			PublicKey: hex.EncodeToString(consensus),
			Signature: hex.EncodeToString(signature),
		})
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(vectors); err != nil {
		panic(err)
	}
}
