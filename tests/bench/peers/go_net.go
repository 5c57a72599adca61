// What people write in Go: a goroutine for each connection, and io.Copy.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(os.Stderr, "Listening on tcp://%s\n", listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			continue
		}
		go func() {
			defer connection.Close()
			// Without splice(2), which takes two descriptors more for each connection.
			io.Copy(struct{ io.Writer }{connection}, struct{ io.Reader }{connection})
		}()
	}
}
