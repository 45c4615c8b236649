package tail

import (
	"path/filepath"
	"strings"

	"github.com/penstock/penstock/buffer/record"
)

// kubeHeaders returns what the path of a container's log tells: of the kubelet's layout namespace,
// pod, container and uid, of /var/log/containers the container's id too, and of Docker's that
// alone. readlink is os.Readlink.
//
//	/var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log
//	/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log, a link to the above
//	/var/lib/docker/containers/ID/ID-json.log
func kubeHeaders(path string, readlink func(string) (string, error)) []record.Header {
	var out []record.Header
	add := func(name, value string) {
		if value != "" {
			out = append(out, record.Header{Key: name, Value: []byte(value)})
		}
	}
	pod, container, uid := podOf(path)
	if pod != nil {
		add("namespace", pod[0])
		add("pod", pod[1])
		add("container", container)
		add("uid", uid)
		return out
	}
	base := filepath.Base(path)
	dir := filepath.Dir(path)
	if id, _, ok := strings.Cut(base, "-json.log"); ok && filepath.Base(dir) == id {
		add("container_id", id)
		return out
	}
	name, _, ok := strings.Cut(base, ".log")
	dash := strings.LastIndexByte(name, '-')
	if !ok || dash < 0 || !isContainerID(name[dash+1:]) {
		return nil
	}
	id := name[dash+1:]
	parts := strings.Split(name[:dash], "_")
	if len(parts) != 3 {
		return nil
	}
	add("namespace", parts[1])
	add("pod", parts[0])
	add("container", parts[2])
	if to, err := readlink(path); err == nil {
		linked, _, uid := podOf(to)
		if linked != nil && linked[0] == parts[1] && linked[1] == parts[0] {
			add("uid", uid)
		}
	}
	add("container_id", id)
	return out
}

// podOf reads the kubelet's layout. pod is namespace and name, nil where path is another one.
func podOf(path string) (pod []string, container, uid string) {
	dir := filepath.Dir(path)
	parts := strings.Split(filepath.Base(filepath.Dir(dir)), "_")
	if len(parts) != 3 || filepath.Base(filepath.Dir(filepath.Dir(dir))) != "pods" {
		return nil, "", ""
	}
	return parts[:2], filepath.Base(dir), parts[2]
}

func isContainerID(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
