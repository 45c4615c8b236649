package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Nodes of a Cluster: brokers 1 to Brokers, and the controller.
const (
	Brokers    = 3
	Controller = 100
)

// User and password of a cluster's secured listener.
const (
	ClusterUser     = "edge"
	ClusterPassword = "edge-secret"
)

// Cluster is Apache Kafka with three brokers and a controller by itself, so that two brokers can go
// and the quorum stays. Topics have three replicas, two of which must be in sync, and so have the
// internal ones. Who comes to Addrs may do everything; who comes to SecuredAddrs is User:edge and
// may do what ACLs say.
//
// Different nodes may be dealt with at the same time; calls for one node must not overlap.
type Cluster struct {
	dir, classpath string
	nodes          map[int]*node
}

type node struct {
	id                     int
	dir, addr, securedAddr string // the controller has one address only
	heap                   string
	mu                     sync.Mutex
	p                      *process
}

// NewCluster formats and starts a cluster with its data under dir. The jars are taken from
// $PENSTOCK_KAFKA_LIBS. Extra settings are lines of every node's server.properties.
func NewCluster(dir string, settings ...string) (*Cluster, error) {
	libs := os.Getenv("PENSTOCK_KAFKA_LIBS")
	if libs == "" {
		return nil, fmt.Errorf("apache kafka: %w", ErrMissing)
	}
	c := &Cluster{dir: dir, classpath: filepath.Join(libs, "*"), nodes: map[int]*node{}}
	for _, id := range []int{Controller, 1, 2, 3} {
		n := &node{id: id, dir: filepath.Join(dir, fmt.Sprintf("node-%d", id)), heap: "-Xmx384m"}
		for _, addr := range []*string{&n.addr, &n.securedAddr} {
			port, err := FreePort()
			if err != nil {
				return nil, err
			}
			*addr = fmt.Sprintf("127.0.0.1:%d", port)
		}
		c.nodes[id] = n
	}
	err := c.each(func(n *node) error { return c.format(n, settings) })
	if err == nil {
		err = c.Start(Controller)
	}
	if err == nil {
		err = c.StartAll()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) each(do func(*node) error) error {
	errs := make(chan error, len(c.nodes))
	for _, n := range c.nodes {
		go func() { errs <- do(n) }()
	}
	var err error
	for range c.nodes {
		err = errors.Join(err, <-errs)
	}
	return err
}

// format writes a node's configuration and prepares its directory.
func (c *Cluster) format(n *node, settings []string) error {
	controller := c.nodes[Controller].addr
	role, listeners := "broker", fmt.Sprintf("PLAINTEXT://%s,SECURED://%s", n.addr, n.securedAddr)
	own := []string{"advertised.listeners=" + listeners, "inter.broker.listener.name=PLAINTEXT"}
	if n.id == Controller {
		role, listeners, own = "controller", "CONTROLLER://"+controller, nil
	}
	lines := append([]string{
		"process.roles=" + role,
		fmt.Sprintf("node.id=%d", n.id),
		fmt.Sprintf("controller.quorum.voters=%d@%s", Controller, controller),
		"controller.listener.names=CONTROLLER",
		"listeners=" + listeners,
		"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURED:SASL_PLAINTEXT",
		"sasl.enabled.mechanisms=PLAIN",
		fmt.Sprintf(
			"listener.name.secured.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%q;",
			ClusterUser, ClusterPassword,
		),
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users=User:ANONYMOUS",
		"log.dirs=" + filepath.Join(n.dir, "data"),
		"auto.create.topics.enable=false",
		"default.replication.factor=3",
		"min.insync.replicas=2",
		"offsets.topic.num.partitions=6",
		"offsets.topic.replication.factor=3",
		"transaction.state.log.num.partitions=6",
		"transaction.state.log.replication.factor=3",
		"transaction.state.log.min.isr=2",
		"share.coordinator.state.topic.num.partitions=1",
		"broker.session.timeout.ms=6000",
		"replica.lag.time.max.ms=5000",
		"group.initial.rebalance.delay.ms=0",
	}, append(own, settings...)...)
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(n.config(), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	out, err := exec.Command("java", "-XX:TieredStopAtLevel=1", "-cp", c.classpath, "kafka.tools.StorageTool", "format",
		"-t", "cGVuc3RvY2stdGVzdHMtMQ", "-c", n.config()).
		CombinedOutput()
	if err != nil {
		return fmt.Errorf("format kafka storage of node %d: %w\n%s", n.id, err, out)
	}
	return nil
}

func (n *node) config() string { return filepath.Join(n.dir, "server.properties") }

func (n *node) running() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.p
}

// LogPath returns the file that has what a node printed.
func (c *Cluster) LogPath(id int) string { return filepath.Join(c.nodes[id].dir, "kafka.log") }

// Addrs returns the brokers' host:port for those who may do everything.
func (c *Cluster) Addrs() []string {
	return []string{c.nodes[1].addr, c.nodes[2].addr, c.nodes[3].addr}
}

// SecuredAddrs returns the brokers' host:port for the user, by SASL PLAIN without TLS.
func (c *Cluster) SecuredAddrs() []string {
	return []string{c.nodes[1].securedAddr, c.nodes[2].securedAddr, c.nodes[3].securedAddr}
}

// Start starts a node and returns once it listens, which a broker does when the controller has let
// it in. A node that runs is left alone.
func (c *Cluster) Start(id int) error {
	n := c.nodes[id]
	if p := n.running(); p != nil && !p.ended() {
		return nil
	}
	cmd := exec.Command(
		"java", "-Xms128m", n.heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
		c.classpath, "kafka.Kafka", n.config(),
	)
	p, err := startProcess(cmd, c.LogPath(id))
	if err != nil {
		return fmt.Errorf("start node %d: %w", id, err)
	}
	n.mu.Lock()
	n.p = p
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	return p.waitListening(ctx, n.addr)
}

// StartAll starts the brokers that do not run, side by side.
func (c *Cluster) StartAll() error {
	return c.each(func(n *node) error {
		if n.id == Controller {
			return nil
		}
		return c.Start(n.id)
	})
}

// Kill ends a node with SIGKILL.
func (c *Cluster) Kill(id int) {
	if p := c.nodes[id].running(); p != nil {
		p.kill()
	}
}

// Stop ends a node with SIGTERM: a broker hands its partitions over. One that has not ended after
// 30 s is killed.
func (c *Cluster) Stop(id int) error {
	p := c.nodes[id].running()
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(30 * time.Second):
		p.kill()
		return fmt.Errorf("node %d did not end within 30s of SIGTERM", id)
	}
}

// PID returns the process id of a node that runs.
func (c *Cluster) PID(id int) int { return c.nodes[id].running().cmd.Process.Pid }

// Freeze stops a node without ending it: its connections stay, and nothing is answered once Freeze
// has returned.
func (c *Cluster) Freeze(id int) error { return c.nodes[id].running().freeze() }

// Thaw lets a node go on that was frozen.
func (c *Cluster) Thaw(id int) error { return c.nodes[id].running().signal(syscall.SIGCONT) }

// Close ends all nodes for good.
func (c *Cluster) Close() {
	_ = c.each(func(n *node) error { c.Kill(n.id); return nil })
}
