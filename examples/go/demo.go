// The pool from Go: a stream, five at once, a cancel by context, the admin API, a server.
//
// Run it beside an upstream by script, with the library where pkg-config finds it:
//
//	make install-ffi PREFIX=$PWD/target/amp-pool
//	export PKG_CONFIG_PATH=$PWD/target/amp-pool/lib/pkgconfig LD_LIBRARY_PATH=$PWD/target/amp-pool/lib
//	(cd examples/go && go build -o ../../target/demo-go .)
//	cargo run -p amp-pool-examples --bin upstream -- target/demo-go
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"example.com/amp-pool/amppool"
)

const (
	chat  = "/v1/chat/completions"
	token = "amp-0123456789abcdef0123456789abcdef"
)

type object = map[string]any

func config(more amppool.Config) amppool.Config {
	all := amppool.Config{
		"keys": []object{{"name": "mine", "provider": "openai", "api_key": "sk-example",
			"base_url": os.Getenv("AMP_POOL_UPSTREAM") + "/v1"}},
		"tokens": []object{{"name": "me", "secret": token}},
	}
	for name, value := range more {
		all[name] = value
	}
	return all
}

func ask(model string, stream bool) object {
	return object{"model": model, "stream": stream, "messages": []object{{"role": "user", "content": "Say hello"}}}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func expect(claim bool, found any) {
	if !claim {
		log.Fatalf("not as expected: %v", found)
	}
}

// word is what an event adds to the answer.
func word(data string) string {
	var chunk struct {
		Choices []struct{ Delta struct{ Content string } }
	}
	if data == "[DONE]" {
		return ""
	}
	check(json.Unmarshal([]byte(data), &chunk))
	if len(chunk.Choices) == 0 {
		return ""
	}
	return chunk.Choices[0].Delta.Content
}

func stream(pool *amppool.Pool, model string) string {
	call := must(pool.Post(context.Background(), chat, ask(model, true), token))
	defer call.Close()
	var text strings.Builder
	for call.Next() {
		text.WriteString(word(call.Event().Data))
	}
	check(call.Err())
	expect(must(call.Status()) == 200 && must(call.Header("content-type")) == "text/event-stream", text.String())
	return text.String()
}

func fiveAtOnce(pool *amppool.Pool) {
	var all sync.WaitGroup
	for at := 0; at < 5; at++ {
		all.Add(1)
		go func() {
			defer all.Done()
			text := stream(pool, "gpt-slow")
			expect(strings.HasSuffix(text, "word 19 "), text)
		}()
	}
	all.Wait()
	fmt.Println("five at once")
}

func cancel(pool *amppool.Pool) {
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	call := must(pool.Post(ctx, chat, ask("gpt-hang", true), token))
	defer call.Close()
	expect(!call.Next() && errors.Is(call.Err(), context.DeadlineExceeded), call.Err())
	fmt.Println("cancelled:", call.Err())
}

func admin(pool *amppool.Pool) {
	var made struct{ Token string }
	ctx := context.Background()
	check(pool.Admin(ctx, "POST", "/api/tokens", object{"name": "second"}, &made))
	call := must(pool.Post(ctx, chat, ask("gpt-4o-mini", false), made.Token))
	defer call.Close()
	answer := string(must(io.ReadAll(call)))
	expect(strings.Contains(answer, `"hello"`), answer)

	check(pool.Flush(-1))
	var books struct{ Items []object }
	check(pool.Admin(ctx, "GET", "/api/requests", nil, &books))
	expect(len(books.Items) == 8, len(books.Items))
	var refused *amppool.Error
	err := pool.Admin(ctx, "POST", "/api/keys", object{"name": "no provider"}, nil)
	expect(errors.As(err, &refused) && refused.Status == 400 && strings.Contains(refused.Message, "provider"), err)
	fmt.Println("in the books:", len(books.Items), "calls")
}

func serve() {
	more := amppool.Config{"port": 0, "amp_pool_admin_token": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
	server := must(amppool.Serve(config(more)))
	url := must(server.URL())
	request := must(http.NewRequest("POST", url+chat, bytes.NewReader(must(json.Marshal(ask("gpt-4o-mini", false))))))
	request.Header.Set("authorization", "Bearer "+token)
	request.Header.Set("content-type", "application/json")
	answer := must(http.DefaultClient.Do(request))
	defer answer.Body.Close()
	body := string(must(io.ReadAll(answer.Body)))
	expect(answer.StatusCode == 200 && strings.Contains(body, `"hello"`), body)
	check(server.Stop(10 * time.Second))
	check(server.Close())
	fmt.Println("served at", url)
}

func main() {
	pool := must(amppool.Open(config(nil)))
	text := stream(pool, "gpt-4o-mini")
	expect(strings.HasPrefix(text, "word 0 word 1 ") && strings.HasSuffix(text, "word 19 "), text)
	fiveAtOnce(pool)
	cancel(pool)
	admin(pool)
	check(pool.Close())
	serve()
}
