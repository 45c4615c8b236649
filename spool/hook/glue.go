package hook

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// glueHook adds the partition to a table of the AWS Glue data catalog, with the table's own storage descriptor.
type glueHook struct {
	cfg Config

	mu     sync.Mutex
	client *glue.Client
}

func (g *glueHook) open(ctx context.Context) (*glue.Client, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client != nil {
		return g.client, nil
	}
	var opts []func(*config.LoadOptions) error
	if g.cfg.Region != "" {
		opts = append(opts, config.WithRegion(g.cfg.Region))
	}
	ac, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, err
	}
	g.client = glue.NewFromConfig(ac, func(o *glue.Options) {
		if g.cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(g.cfg.Endpoint)
		}
	})
	return g.client, nil
}

func (g *glueHook) Run(ctx context.Context, p *Partition) error {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	client, err := g.open(ctx)
	if err != nil {
		return fmt.Errorf("glue: %w", err)
	}
	var catalog *string
	if g.cfg.Catalog != "" {
		catalog = &g.cfg.Catalog
	}
	t, err := client.GetTable(ctx, &glue.GetTableInput{CatalogId: catalog, DatabaseName: &g.cfg.Database, Name: &g.cfg.Table})
	if err != nil {
		return fmt.Errorf("glue: %w", err)
	}
	values, err := inTableOrder(t.Table, p)
	if err != nil {
		return fmt.Errorf("glue: %w", err)
	}
	sd := types.StorageDescriptor{}
	if t.Table.StorageDescriptor != nil {
		sd = *t.Table.StorageDescriptor
	}
	sd.Location = &p.Location
	_, err = client.CreatePartition(ctx, &glue.CreatePartitionInput{
		CatalogId: catalog, DatabaseName: &g.cfg.Database, TableName: &g.cfg.Table,
		PartitionInput: &types.PartitionInput{Values: values, StorageDescriptor: &sd},
	})
	var exists *types.AlreadyExistsException
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("glue: %w", err)
	}
	return nil
}

// inTableOrder returns the partition's values in the order of the table's partition keys.
func inTableOrder(t *types.Table, p *Partition) ([]string, error) {
	var out []string
keys:
	for _, k := range t.PartitionKeys {
		for i, name := range p.Names {
			if aws.ToString(k.Name) == name {
				out = append(out, p.Values[i])
				continue keys
			}
		}
		return nil, fmt.Errorf("the path %s has no %s=..., which is a partition key of the table", p.Path, aws.ToString(k.Name))
	}
	return out, nil
}
