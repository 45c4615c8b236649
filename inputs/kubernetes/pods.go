package kubernetes

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// What is deleted is remembered for that long, as its logs are still being read, and no more than
// that many.
const (
	keepDeleted = time.Hour
	mostDeleted = 1000
)

// hashAnnotation names the uid that the kubelet's paths have for a pod that is not the API
// server's: a static one, of which that shows a mirror.
const hashAnnotation = "kubernetes.io/config.hash"

// Pod is what is known of a pod; it never changes. A change makes another one.
type Pod struct {
	Headers []record.Header // node, owner_kind, owner, labels.NAME, annotations.NAME

	name     podName
	uids     [2]string // the second is that of a static pod's paths
	excluded []string  // the annotations' ends: "" for all, or "-CONTAINER"
	deleted  time.Time // zero while it is there
}

type podName struct{ namespace, name string }

// Excluded reports whether what the container logs is to be left out.
func (p *Pod) Excluded(container string) bool {
	for _, e := range p.excluded {
		if e == "" || e[1:] == container {
			return true
		}
	}
	return false
}

// newPod keeps of o what the configuration wants.
func (c *Config) newPod(o *object) *Pod {
	m := &o.Metadata
	p := &Pod{
		name: podName{m.Namespace, m.Name},
		uids: [2]string{m.UID, m.Annotations[hashAnnotation]},
	}
	add := func(name, value string) {
		if value != "" {
			p.Headers = append(p.Headers, record.Header{Key: name, Value: []byte(value)})
		}
	}
	add("node", c.Node)
	kind, name := ownerOf(o)
	add("owner_kind", kind)
	add("owner", name)
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		if wanted(c.Labels, k) {
			add("labels."+k, m.Labels[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.Annotations)) {
		if wanted(c.Annotations, k) {
			add("annotations."+k, m.Annotations[k])
		}
		for _, prefix := range []string{"penstock.io/exclude", "fluentbit.io/exclude"} {
			end, ok := strings.CutPrefix(k, prefix)
			if ok && c.HonorExclude && (end == "" || end[0] == '-') && m.Annotations[k] == "true" {
				p.excluded = append(p.excluded, strings.Clone(end))
			}
		}
	}
	return p
}

// ownerOf returns what made the pod; of a ReplicaSet that a Deployment has made, the Deployment.
func ownerOf(o *object) (kind, name string) {
	for _, r := range o.Metadata.OwnerReferences {
		if !r.Controller {
			continue
		}
		hash := o.Metadata.Labels["pod-template-hash"]
		if base, ok := strings.CutSuffix(r.Name, "-"+hash); ok && hash != "" && r.Kind == "ReplicaSet" {
			return "Deployment", base
		}
		return r.Kind, r.Name
	}
	return "", ""
}

// table is the pods that are known. Safe for concurrent use.
type table struct {
	mu     sync.RWMutex
	byUID  map[string]*Pod
	byName map[podName]*Pod // the latest of that name
	gone   []*Pod           // deleted, in that order; some are there again
}

func newTable() *table { return &table{byUID: map[string]*Pod{}, byName: map[podName]*Pod{}} }

// get returns the pod of that uid; without one, that of the name. nil if it is not known.
func (t *table) get(uid, namespace, name string) *Pod {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if uid != "" {
		return t.byUID[uid]
	}
	return t.byName[podName{namespace, name}]
}

// put adds or replaces a pod.
func (t *table) put(p *Pod) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, uid := range p.uids {
		if uid != "" {
			t.byUID[uid] = p
		}
	}
	t.byName[p.name] = p
}

// remove notes that the pod of that uid is deleted, and forgets those that have been for long.
func (t *table) remove(uid string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeLocked(uid, now)
	t.pruneLocked(now)
}

func (t *table) removeLocked(uid string, now time.Time) {
	was := t.byUID[uid]
	if was == nil || !was.deleted.IsZero() {
		return
	}
	p := *was
	p.deleted = now
	for _, uid := range p.uids {
		if t.byUID[uid] == was {
			t.byUID[uid] = &p
		}
	}
	if t.byName[p.name] == was {
		t.byName[p.name] = &p
	}
	t.gone = append(t.gone, &p)
}

func (t *table) pruneLocked(now time.Time) {
	for len(t.gone) > 0 &&
		(len(t.gone) > mostDeleted || now.Sub(t.gone[0].deleted) > keepDeleted) {
		p := t.gone[0]
		t.gone[0], t.gone = nil, t.gone[1:]
		for _, uid := range p.uids {
			if t.byUID[uid] == p {
				delete(t.byUID, uid)
			}
		}
		if t.byName[p.name] == p {
			delete(t.byName, p.name)
		}
	}
}

// only notes that of the pods that are known none is there any more but those of uids.
func (t *table) only(uids map[string]bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, uid := range slices.Sorted(maps.Keys(t.byUID)) {
		if p := t.byUID[uid]; uid == p.uids[0] && !uids[uid] {
			t.removeLocked(uid, now)
		}
	}
	t.pruneLocked(now)
}

// live returns how many pods there are now.
func (t *table) live() (n int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for uid, p := range t.byUID {
		if uid == p.uids[0] && p.deleted.IsZero() {
			n++
		}
	}
	return n
}
