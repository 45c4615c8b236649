package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Kafka is one Apache Kafka broker (KRaft, combined controller). It can be killed and started again
// on its data.
type Kafka struct {
	dir, addr, classpath string
	more                 map[string]string // addresses by listener
	p                    *process
}

// Listener is one more listener of a broker. Settings of its own are given to NewKafkaWith as
// listener.name.NAME.SETTING, NAME in lower case.
type Listener struct{ Name, Protocol string }

// NewKafka formats and starts a broker with its data under dir. The jars are taken from
// $PENSTOCK_KAFKA_LIBS. Extra settings are lines of server.properties.
func NewKafka(dir string, settings ...string) (*Kafka, error) {
	return NewKafkaWith(dir, nil, settings...)
}

// NewKafkaWith is NewKafka with more listeners, on loopback like the first.
func NewKafkaWith(dir string, more []Listener, settings ...string) (*Kafka, error) {
	libs := os.Getenv("PENSTOCK_KAFKA_LIBS")
	if libs == "" {
		return nil, fmt.Errorf("apache kafka: %w", ErrMissing)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	controller, err := FreePort()
	if err != nil {
		return nil, err
	}
	k := &Kafka{
		dir:       dir,
		addr:      fmt.Sprintf("127.0.0.1:%d", port),
		classpath: filepath.Join(libs, "*"),
		more:      map[string]string{},
	}
	listeners, protocols := "PLAINTEXT://"+k.addr, "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
	for _, l := range more {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		k.more[l.Name] = fmt.Sprintf("127.0.0.1:%d", port)
		listeners += fmt.Sprintf(",%s://%s", l.Name, k.more[l.Name])
		protocols += fmt.Sprintf(",%s:%s", l.Name, l.Protocol)
	}
	properties := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=%[1]s,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=%[1]s
listener.security.protocol.map=%[5]s
controller.listener.names=CONTROLLER
log.dirs=%[3]s
num.partitions=3
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.consumer.min.session.timeout.ms=3000
group.min.session.timeout.ms=3000
group.consumer.min.heartbeat.interval.ms=500
%[4]s
`, listeners, controller, filepath.Join(dir, "data"), strings.Join(settings, "\n"), protocols)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(k.config(), []byte(properties), 0o644); err != nil {
		return nil, err
	}
	out, err := exec.Command("java", "-cp", k.classpath, "kafka.tools.StorageTool", "format",
		"-t", "cGVuc3RvY2stdGVzdHMtMQ", "-c", k.config()).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("format kafka storage: %w\n%s", err, out)
	}
	return k, k.Start()
}

func (k *Kafka) config() string { return filepath.Join(k.dir, "server.properties") }

// Addr returns the broker's host:port.
func (k *Kafka) Addr() string { return k.addr }

// ListenerAddr returns the host:port of one of the listeners given to NewKafkaWith.
func (k *Kafka) ListenerAddr(name string) string { return k.more[name] }

// LogPath returns the file that has what the broker printed.
func (k *Kafka) LogPath() string { return filepath.Join(k.dir, "kafka.log") }

// Start starts the broker and returns once it listens.
func (k *Kafka) Start() error {
	cmd := exec.Command(
		"java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
		k.classpath, "kafka.Kafka", k.config(),
	)
	p, err := startProcess(cmd, k.LogPath())
	if err != nil {
		return fmt.Errorf("start kafka: %w", err)
	}
	k.p = p
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	return p.waitListening(ctx, k.addr)
}

// Stop kills the broker with SIGKILL.
func (k *Kafka) Stop() error { k.p.kill(); return nil }

// Close ends the broker for good.
func (k *Kafka) Close() { k.p.kill() }

// Tool returns a command that runs one of Kafka's tools, by its Java class.
func (k *Kafka) Tool(ctx context.Context, class string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "java", append([]string{"-cp", k.classpath, class}, args...)...)
}
