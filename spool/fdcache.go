package spool

import (
	"container/list"
	"errors"
	"fmt"
	"os"
	"sync"
)

// fdCache keeps at most max working files open; the one longest unused is closed and opened again
// when it is needed. Safe for concurrent use.
type fdCache struct {
	max int

	mu   sync.Mutex
	cond *sync.Cond
	open map[string]*cachedFile
	lru  *list.List // of *cachedFile that nobody uses, the longest unused first
}

type cachedFile struct {
	path string
	f    *os.File
	refs int
	elem *list.Element
}

func newFDCache(max int) *fdCache {
	c := &fdCache{max: max, open: map[string]*cachedFile{}, lru: list.New()}
	c.cond = sync.NewCond(&c.mu)
	return c
}

// with calls do with the file open, waiting for a descriptor if all are in use.
func (c *fdCache) with(path string, do func(*os.File) error) error {
	cf, err := c.acquire(path)
	if err != nil {
		return err
	}
	defer c.release(cf)
	return do(cf.f)
}

func (c *fdCache) acquire(path string) (*cachedFile, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if cf := c.open[path]; cf != nil {
			if cf.refs++; cf.elem != nil {
				c.lru.Remove(cf.elem)
				cf.elem = nil
			}
			return cf, nil
		}
		if len(c.open) < c.max {
			break
		}
		if e := c.lru.Front(); e != nil {
			c.drop(e.Value.(*cachedFile))
			continue
		}
		c.cond.Wait()
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open working file: %w", err)
	}
	cf := &cachedFile{path: path, f: f, refs: 1}
	c.open[path] = cf
	return cf, nil
}

func (c *fdCache) drop(cf *cachedFile) {
	if cf.elem != nil {
		c.lru.Remove(cf.elem)
		cf.elem = nil
	}
	delete(c.open, cf.path)
	_ = cf.f.Close() // written through WriteAt; what matters is read back before it is trusted
}

func (c *fdCache) release(cf *cachedFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cf.refs--; cf.refs == 0 {
		cf.elem = c.lru.PushBack(cf)
		c.cond.Signal()
	}
}

// remove closes and deletes a file that nobody uses any more.
func (c *fdCache) remove(path string) error {
	c.mu.Lock()
	if cf := c.open[path]; cf != nil && cf.refs == 0 {
		c.drop(cf)
		c.cond.Signal()
	}
	c.mu.Unlock()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove working file: %w", err)
	}
	return nil
}

func (c *fdCache) openFiles() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}
