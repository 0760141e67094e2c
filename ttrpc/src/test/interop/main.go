// Interop peer built on containerd's own ttrpc library: `client SOCKET` calls every kind of method and exits non-zero at
// the first surprise, `server SOCKET` serves them until stdin closes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/containerd/ttrpc/integration/streaming"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func check(err error, what string, args ...any) {
	if err != nil {
		panic(fmt.Sprintf("%s: %v", fmt.Sprintf(what, args...), err))
	}
}

func expect(ok bool, what string, args ...any) {
	if !ok {
		panic(fmt.Sprintf(what, args...))
	}
}

func unary(ctx context.Context, c streaming.TTRPCStreamingClient) {
	ctx = ttrpc.WithMetadata(ctx, ttrpc.MD{"caisson": {"one", "two"}})
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := c.Echo(ctx, &streaming.EchoPayload{Seq: 1, Msg: "hello"})
	check(err, "echo")
	expect(r.Seq == 2 && r.Msg == "hello one,two", "echo answered %v", r)
	_, err = c.Echo(ctx, &streaming.EchoPayload{Msg: "fail"})
	expect(status.Code(err) == codes.NotFound, "fail answered %v", err)
	_, err = c.Echo(ctx, &streaming.EchoPayload{Msg: strings.Repeat("x", 4<<20)})
	expect(status.Code(err) == codes.ResourceExhausted, "oversized answered %v", err)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			r, err := c.Echo(ctx, &streaming.EchoPayload{Seq: uint32(i), Msg: strings.Repeat("y", 10000)})
			check(err, "concurrent echo %d", i)
			expect(r.Seq == uint32(i)+1, "concurrent echo %d answered %d", i, r.Seq)
		})
	}
	wg.Wait()
	brief, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	_, err = c.Echo(brief, &streaming.EchoPayload{Msg: "sleep"})
	expect(errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded, "sleep answered %v", err)
}

func echoStream(ctx context.Context, c streaming.TTRPCStreamingClient) {
	s, err := c.EchoStream(ctx)
	check(err, "open EchoStream")
	for i := range 100 {
		check(s.Send(&streaming.EchoPayload{Seq: uint32(i), Msg: "m"}), "send %d", i)
		r, err := s.Recv()
		check(err, "receive %d", i)
		expect(r.Seq == uint32(i)+1, "echo %d answered %d", i, r.Seq)
	}
	check(s.CloseSend(), "half-close")
	_, err = s.Recv()
	expect(err == io.EOF, "after half-close: %v", err)
}

func sums(ctx context.Context, c streaming.TTRPCStreamingClient) {
	s, err := c.SumStream(ctx)
	check(err, "open SumStream")
	for i := range 50 {
		check(s.Send(&streaming.Part{Add: int32(i)}), "send part %d", i)
	}
	sum, err := s.CloseAndRecv()
	check(err, "sum")
	expect(sum.Sum == 1225 && sum.Num == 50, "sum is %v", sum)

	d, err := c.DivideStream(ctx, &streaming.Sum{Sum: 1225, Num: 50})
	check(err, "open DivideStream")
	parts, total := 0, int32(0)
	for {
		p, err := d.Recv()
		if err == io.EOF {
			break
		}
		check(err, "part %d", parts)
		parts, total = parts+1, total+p.Add
	}
	expect(parts == 50 && total == 1225, "%d parts, total %d", parts, total)
}

func empties(ctx context.Context, c streaming.TTRPCStreamingClient) {
	n, err := c.EchoNull(ctx)
	check(err, "open EchoNull")
	for i := range 10 {
		check(n.Send(&streaming.EchoPayload{Seq: uint32(i), Msg: "non-empty empty"}), "send %d", i)
	}
	_, err = n.CloseAndRecv()
	check(err, "EchoNull")

	s, err := c.EchoNullStream(ctx)
	check(err, "open EchoNullStream")
	for i := range 10 {
		check(s.Send(&streaming.EchoPayload{Seq: uint32(i)}), "send %d", i)
		_, err := s.Recv()
		check(err, "empty message %d", i)
	}
	check(s.CloseSend(), "half-close")
	_, err = s.Recv()
	expect(err == io.EOF, "EchoNullStream ended with %v", err)

	e, err := c.EmptyPayloadStream(ctx, &emptypb.Empty{})
	check(err, "open EmptyPayloadStream")
	for i := range 5 {
		_, err = e.Recv()
		check(err, "payload %d", i)
	}
	_, err = e.Recv()
	expect(err == io.EOF, "EmptyPayloadStream ended with %v", err)
}

func client(socket string) {
	conn, err := net.Dial("unix", socket)
	check(err, "dial")
	c := ttrpc.NewClient(conn)
	defer c.Close()
	api := streaming.NewTTRPCStreamingClient(c)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	unary(ctx, api)
	echoStream(ctx, api)
	sums(ctx, api)
	empties(ctx, api)
	err = c.Call(ctx, "no.Such", "Method", &emptypb.Empty{}, &emptypb.Empty{})
	expect(status.Code(err) == codes.Unimplemented, "unknown service: %v", err)
	fmt.Println("all good")
}

type service struct{}

func (service) Echo(ctx context.Context, p *streaming.EchoPayload) (*streaming.EchoPayload, error) {
	switch p.Msg {
	case "fail":
		return nil, status.Error(codes.NotFound, "no such thing")
	case "sleep":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	p.Seq++
	if md, ok := ttrpc.GetMetadata(ctx); ok {
		if v, ok := md.Get("caisson"); ok {
			p.Msg += " " + strings.Join(v, ",")
		}
	}
	return p, nil
}

func (service) EchoStream(_ context.Context, s streaming.TTRPCStreaming_EchoStreamServer) error {
	for {
		p, err := s.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		p.Seq++
		if err := s.Send(p); err != nil {
			return err
		}
	}
}

func (service) SumStream(_ context.Context, s streaming.TTRPCStreaming_SumStreamServer) (*streaming.Sum, error) {
	sum := &streaming.Sum{}
	for {
		p, err := s.Recv()
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return nil, err
		}
		sum.Sum += p.Add
		sum.Num++
	}
}

func (service) DivideStream(_ context.Context, sum *streaming.Sum, s streaming.TTRPCStreaming_DivideStreamServer) error {
	for i := range sum.Num {
		part := sum.Sum / sum.Num
		if i == sum.Num-1 {
			part = sum.Sum - part*(sum.Num-1)
		}
		if err := s.Send(&streaming.Part{Add: part}); err != nil {
			return err
		}
	}
	return nil
}

func (service) EchoNull(_ context.Context, s streaming.TTRPCStreaming_EchoNullServer) (*emptypb.Empty, error) {
	for {
		if _, err := s.Recv(); err == io.EOF {
			return &emptypb.Empty{}, nil
		} else if err != nil {
			return nil, err
		}
	}
}

func (service) EchoNullStream(_ context.Context, s streaming.TTRPCStreaming_EchoNullStreamServer) error {
	for {
		if _, err := s.Recv(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := s.Send(&emptypb.Empty{}); err != nil {
			return err
		}
	}
}

func (service) EmptyPayloadStream(_ context.Context, _ *emptypb.Empty, s streaming.TTRPCStreaming_EmptyPayloadStreamServer) error {
	for range 5 {
		if err := s.Send(&streaming.EchoPayload{}); err != nil {
			return err
		}
	}
	return nil
}

func server(socket string) {
	s, err := ttrpc.NewServer()
	check(err, "new server")
	streaming.RegisterTTRPCStreamingService(s, service{})
	l, err := net.Listen("unix", socket)
	check(err, "listen")
	fmt.Println("ready")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		s.Close()
	}()
	err = s.Serve(context.Background(), l)
	expect(errors.Is(err, ttrpc.ErrServerClosed), "serve: %v", err)
}

func main() {
	switch os.Args[1] {
	case "client":
		client(os.Args[2])
	case "server":
		server(os.Args[2])
	}
}
