// What people write in Go: a goroutine for each connection, and io.Copy.
//
//	go_net                  over TCP
//	go_net CERT KEY PATH    over TLS and a Unix socket as well
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	go serve("tcp", listen("tcp", "127.0.0.1:0"))
	if len(os.Args) > 3 {
		certificate, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
		if err != nil {
			panic(err)
		}
		config := &tls.Config{Certificates: []tls.Certificate{certificate}}
		go serve("tls", tls.NewListener(listen("tcp", "127.0.0.1:0"), config))
		go serve("unix", listen("unix", os.Args[3]))
	}
	select {}
}

func listen(network, address string) net.Listener {
	listener, err := net.Listen(network, address)
	if err != nil {
		panic(err)
	}
	return listener
}

func serve(transport string, listener net.Listener) {
	fmt.Fprintf(os.Stderr, "Listening on %s://%s\n", transport, listener.Addr())
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
