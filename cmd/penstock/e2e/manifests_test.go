package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The parts of Kubernetes' types that the manifests use. What is not here is refused as a mistake:
// a new field is looked up in the API's reference and added.
type (
	labels map[string]string

	objectMeta struct {
		Name        string
		Namespace   string
		Labels      labels
		Annotations map[string]string
	}

	typeMeta struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   objectMeta
	}

	plain struct {
		typeMeta `yaml:",inline"`
	}

	configMap struct {
		typeMeta `yaml:",inline"`
		Data     map[string]string
	}

	serviceAccount struct {
		typeMeta  `yaml:",inline"`
		Automount *bool `yaml:"automountServiceAccountToken"`
	}

	role struct {
		typeMeta `yaml:",inline"`
		Rules    []policyRule
	}

	binding struct {
		typeMeta `yaml:",inline"`
		RoleRef  map[string]string `yaml:"roleRef"`
		Subjects []map[string]string
	}

	with[S any] struct {
		typeMeta `yaml:",inline"`
		Spec     S
	}

	policyRule struct {
		APIGroups []string `yaml:"apiGroups"`
		Resources []string
		Verbs     []string
	}

	selector struct {
		MatchLabels labels `yaml:"matchLabels"`
	}

	workload struct {
		Replicas            *int
		ServiceName         string            `yaml:"serviceName"`
		PodManagementPolicy string            `yaml:"podManagementPolicy"`
		Retention           map[string]string `yaml:"persistentVolumeClaimRetentionPolicy"`
		Selector            selector
		Template            struct {
			Metadata objectMeta
			Spec     podSpec
		}
		VolumeClaimTemplates []struct {
			Metadata objectMeta
			Spec     struct {
				AccessModes      []string `yaml:"accessModes"`
				StorageClassName string   `yaml:"storageClassName"`
				Resources        resources
			}
		} `yaml:"volumeClaimTemplates"`
	}

	podSpec struct {
		ServiceAccountName           string              `yaml:"serviceAccountName"`
		AutomountServiceAccountToken *bool               `yaml:"automountServiceAccountToken"`
		Grace                        int                 `yaml:"terminationGracePeriodSeconds"`
		PriorityClassName            string              `yaml:"priorityClassName"`
		SecurityContext              securityContext     `yaml:"securityContext"`
		ImagePullSecrets             []map[string]string `yaml:"imagePullSecrets"`
		NodeSelector                 labels              `yaml:"nodeSelector"`
		Tolerations                  []struct{ Key, Operator, Value, Effect string }
		Spread                       []struct {
			MaxSkew           int      `yaml:"maxSkew"`
			TopologyKey       string   `yaml:"topologyKey"`
			WhenUnsatisfiable string   `yaml:"whenUnsatisfiable"`
			LabelSelector     selector `yaml:"labelSelector"`
		} `yaml:"topologySpreadConstraints"`
		Containers []container
		Volumes    []struct {
			Name      string
			ConfigMap *struct{ Name string }       `yaml:"configMap"`
			HostPath  *struct{ Path, Type string } `yaml:"hostPath"`
			EmptyDir  *struct {
				SizeLimit string `yaml:"sizeLimit"`
			} `yaml:"emptyDir"`
		}
	}

	securityContext struct {
		RunAsNonRoot        *bool                 `yaml:"runAsNonRoot"`
		RunAsUser           *int                  `yaml:"runAsUser"`
		RunAsGroup          *int                  `yaml:"runAsGroup"`
		FSGroup             *int                  `yaml:"fsGroup"`
		FSGroupChangePolicy string                `yaml:"fsGroupChangePolicy"`
		SeccompProfile      struct{ Type string } `yaml:"seccompProfile"`
		PrivilegeEscalation *bool                 `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRoot        *bool                 `yaml:"readOnlyRootFilesystem"`
		Capabilities        struct{ Drop, Add []string }
	}

	container struct {
		Name, Image     string
		ImagePullPolicy string `yaml:"imagePullPolicy"`
		Args            []string
		Env             []struct {
			Name, Value string
			ValueFrom   struct {
				FieldRef *struct {
					FieldPath string `yaml:"fieldPath"`
				} `yaml:"fieldRef"`
				SecretKeyRef *struct{ Name, Key string } `yaml:"secretKeyRef"`
			} `yaml:"valueFrom"`
		}
		EnvFrom []struct {
			SecretRef    *struct{ Name string } `yaml:"secretRef"`
			ConfigMapRef *struct{ Name string } `yaml:"configMapRef"`
		} `yaml:"envFrom"`
		Ports []struct {
			Name          string
			ContainerPort int `yaml:"containerPort"`
			Protocol      string
		}
		LivenessProbe   probe `yaml:"livenessProbe"`
		ReadinessProbe  probe `yaml:"readinessProbe"`
		Resources       resources
		SecurityContext securityContext `yaml:"securityContext"`
		VolumeMounts    []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}

	probe struct {
		HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
		Period  int                         `yaml:"periodSeconds"`
		Timeout int                         `yaml:"timeoutSeconds"`
	}

	resources struct{ Requests, Limits map[string]string }

	service struct {
		Type      string
		ClusterIP string `yaml:"clusterIP"`
		Selector  labels
		Ports     []struct {
			Name       string
			Port       int
			TargetPort string `yaml:"targetPort"`
			Protocol   string
		}
	}

	budget struct {
		MaxUnavailable int `yaml:"maxUnavailable"`
		Selector       selector
	}

	scaledObject struct {
		Target struct {
			APIVersion string `yaml:"apiVersion"`
			Kind, Name string
		} `yaml:"scaleTargetRef"`
		Min      int `yaml:"minReplicaCount"`
		Max      int `yaml:"maxReplicaCount"`
		Polling  int `yaml:"pollingInterval"`
		Cooldown int `yaml:"cooldownPeriod"`
		Fallback struct {
			Threshold int `yaml:"failureThreshold"`
			Replicas  int
		}
		Advanced struct {
			Autoscaler struct {
				Behavior struct {
					ScaleDown scaling `yaml:"scaleDown"`
					ScaleUp   scaling `yaml:"scaleUp"`
				}
			} `yaml:"horizontalPodAutoscalerConfig"`
		}
		Triggers []struct {
			Type     string
			Metadata struct {
				Server     string `yaml:"serverAddress"`
				Query      string
				Threshold  string
				Activation string `yaml:"activationThreshold"`
			}
		}
	}

	scaling struct {
		Window   int `yaml:"stabilizationWindowSeconds"`
		Policies []struct {
			Type   string
			Value  int
			Period int `yaml:"periodSeconds"`
		}
	}
)

// manifests are the objects of one application of files.
type manifests struct {
	t        *testing.T
	from     string
	configs  map[string]map[string]string // by the name of the ConfigMap
	accounts map[string]bool
	pods     map[string]podsOf
	services map[string]service
	budgets  map[string]budget
	scaled   map[string]scaledObject
}

// podsOf is a workload by its name, and what its kind is.
type podsOf struct {
	kind string
	workload
}

func strict[T any](t *testing.T, from string, doc []byte) T {
	t.Helper()
	var v T
	d := yaml.NewDecoder(bytes.NewReader(doc))
	d.KnownFields(true)
	if err := d.Decode(&v); err != nil {
		t.Errorf("%s: %v\n%s", from, err, doc)
	}
	return v
}

// add reads documents, each strictly.
func (m *manifests) add(from string, text []byte) {
	m.t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var node yaml.Node
		if err := d.Decode(&node); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			m.t.Fatalf("%s: %v\n%s", from, err, text)
		}
		var of typeMeta
		if err := node.Decode(&of); err != nil {
			m.t.Fatalf("%s: %v", from, err)
		}
		doc, err := yaml.Marshal(&node)
		if err != nil {
			m.t.Fatal(err)
		}
		m.from = from
		m.object(of, doc)
	}
}

func (m *manifests) object(of typeMeta, doc []byte) {
	m.t.Helper()
	name := of.Metadata.Name
	if name == "" || of.Metadata.Namespace == "" && of.Kind != "Namespace" && !strings.HasPrefix(of.Kind, "Cluster") {
		m.t.Errorf("%s: a %s has no name or namespace", m.from, of.Kind)
	}
	switch of.APIVersion + " " + of.Kind {
	case "v1 Namespace":
		strict[plain](m.t, m.from, doc)
	case "v1 ConfigMap":
		m.configs[name] = strict[configMap](m.t, m.from, doc).Data
	case "v1 ServiceAccount":
		strict[serviceAccount](m.t, m.from, doc)
		m.accounts[name] = true
	case "rbac.authorization.k8s.io/v1 ClusterRole", "rbac.authorization.k8s.io/v1 Role":
		strict[role](m.t, m.from, doc)
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding", "rbac.authorization.k8s.io/v1 RoleBinding":
		strict[binding](m.t, m.from, doc)
	case "apps/v1 DaemonSet", "apps/v1 Deployment", "apps/v1 StatefulSet":
		m.pods[name] = podsOf{of.Kind, strict[with[workload]](m.t, m.from, doc).Spec}
	case "v1 Service":
		m.services[name] = strict[with[service]](m.t, m.from, doc).Spec
	case "policy/v1 PodDisruptionBudget":
		m.budgets[name] = strict[with[budget]](m.t, m.from, doc).Spec
	case "keda.sh/v1alpha1 ScaledObject":
		m.scaled[name] = strict[with[scaledObject]](m.t, m.from, doc).Spec
	default:
		m.t.Errorf("%s: %s %s is a kind that this test does not know", m.from, of.APIVersion, of.Kind)
	}
}

// check holds the objects against each other.
func (m *manifests) check() {
	m.t.Helper()
	for name, w := range m.pods {
		m.checkPods(name, w)
	}
	for name, s := range m.services {
		w, ok := m.selected(s.Selector)
		if !ok {
			m.t.Errorf("the service %s selects no pods", name)
			continue
		}
		for _, p := range s.Ports {
			if !hasPort(w, p.TargetPort) {
				m.t.Errorf("the service %s leads to a port %q that there is not", name, p.TargetPort)
			}
		}
	}
	for name, b := range m.budgets {
		if _, ok := m.selected(b.Selector.MatchLabels); !ok || b.MaxUnavailable < 1 {
			m.t.Errorf("the budget %s selects no pods, or lets none go", name)
		}
	}
	for name, s := range m.scaled {
		w, ok := m.pods[s.Target.Name]
		if !ok || w.kind != s.Target.Kind || s.Min < 1 || s.Max <= s.Min || len(s.Triggers) == 0 {
			m.t.Errorf("the scaled object %s: %+v", name, s)
		}
	}
}

func (m *manifests) selected(by labels) (podsOf, bool) {
	for _, w := range m.pods {
		if len(by) > 0 && within(by, w.Template.Metadata.Labels) {
			return w, true
		}
	}
	return podsOf{}, false
}

func within(some, all labels) bool {
	for k, v := range some {
		if all[k] != v {
			return false
		}
	}
	return true
}

func hasPort(w podsOf, name string) bool {
	for _, c := range w.Template.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return true
			}
		}
	}
	return false
}

func (m *manifests) checkPods(name string, w podsOf) {
	m.t.Helper()
	fault := func(format string, args ...any) {
		m.t.Helper()
		m.t.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
	}
	spec := w.Template.Spec
	if len(w.Selector.MatchLabels) == 0 || !within(w.Selector.MatchLabels, w.Template.Metadata.Labels) {
		fault("its pods do not have the labels that it selects")
	}
	if spec.Grace <= 30 {
		fault("its pods are killed within shutdown_timeout")
	}
	if a := spec.ServiceAccountName; a != "" && !m.accounts[a] {
		fault("there is no account %s", a)
	}
	volumes := map[string]bool{}
	for _, v := range spec.Volumes {
		volumes[v.Name] = true
		if v.ConfigMap != nil && m.configs[v.ConfigMap.Name] == nil {
			fault("there is no ConfigMap %s", v.ConfigMap.Name)
		}
	}
	for _, v := range w.VolumeClaimTemplates {
		volumes[v.Metadata.Name] = true
		if v.Spec.Resources.Requests["storage"] == "" {
			fault("the volume %s has no size", v.Metadata.Name)
		}
	}
	if w.kind == "StatefulSet" && m.services[w.ServiceName].ClusterIP != "None" {
		fault("%s is no headless service", w.ServiceName)
	}
	for _, c := range spec.Containers {
		m.checkContainer(fault, spec, c, volumes)
		if !hasPort(w, c.LivenessProbe.HTTPGet.Port) || !hasPort(w, c.ReadinessProbe.HTTPGet.Port) {
			fault("a probe asks at a port that there is not")
		}
	}
}

func (m *manifests) checkContainer(
	fault func(string, ...any), spec podSpec, c container, volumes map[string]bool,
) {
	s := c.SecurityContext
	if s.PrivilegeEscalation == nil || *s.PrivilegeEscalation || s.ReadOnlyRoot == nil || !*s.ReadOnlyRoot ||
		!slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
		fault("%s may do more than it needs to", c.Name)
	}
	if u := s.RunAsUser; u == nil && (spec.SecurityContext.RunAsNonRoot == nil || !*spec.SecurityContext.RunAsNonRoot) {
		fault("%s may run as root", c.Name)
	}
	if c.Resources.Limits["memory"] == "" || c.Resources.Requests["cpu"] == "" {
		fault("%s has no limit of memory, or asks for no processor", c.Name)
	}
	mounted := map[string]bool{}
	for _, v := range c.VolumeMounts {
		mounted[v.MountPath] = true
		if !volumes[v.Name] {
			fault("%s mounts %s, which there is not", c.Name, v.Name)
		}
	}
	if !mounted["/etc/penstock"] || !mounted["/var/lib/penstock"] || !mounted["/tmp"] {
		fault("%s lacks a directory: %v", c.Name, mounted)
	}
}

// validate asks the program what it thinks of the configurations.
func (m *manifests) validate() {
	m.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(m.configs)) {
		dir := m.t.TempDir()
		for file, text := range m.configs[name] {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				m.t.Fatal(err)
			}
		}
		cmd := exec.Command(binary, "validate", dir)
		cmd.Env = append(os.Environ(), "POD_NAME=pod-0", "NODE_NAME=node-1", "RELAY_SHARED_KEY=key",
			"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret")
		if out, err := cmd.CombinedOutput(); err != nil {
			m.t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func newManifests(t *testing.T) *manifests {
	return &manifests{
		t: t, configs: map[string]map[string]string{}, accounts: map[string]bool{},
		pods: map[string]podsOf{}, services: map[string]service{}, budgets: map[string]budget{},
		scaled: map[string]scaledObject{},
	}
}

// The manifests decode strictly, belong together, and hold configurations that are valid.
func TestKubernetesManifestsHoldTogether(t *testing.T) {
	parallel(t)
	m := newManifests(t)
	paths, err := filepath.Glob(filepath.Join(examplesDir, "kubernetes", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, filepath.Join(examplesDir, "kubernetes", "keda", "consumer.yaml")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m.add(path, text)
	}
	m.check()
	m.validate()
	if len(m.pods) != 3 || len(m.budgets) != 2 || len(m.scaled) != 1 || len(m.configs) != 3 {
		t.Errorf("%d workloads, %d budgets, %d scaled objects, %d configurations",
			len(m.pods), len(m.budgets), len(m.scaled), len(m.configs))
	}
}
