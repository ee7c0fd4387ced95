using System.Collections.Immutable;
using Apache.Arrow;

namespace Pipeline.Delta.Log;

/// <summary>A table as of one version: immutable, safe to share.</summary>
public sealed class Snapshot
{
    internal Snapshot(long version, DateTimeOffset committedAt, ProtocolAction protocol, MetadataAction metadata, Schema schema,
        IReadOnlyDictionary<string, AddFile> files, ImmutableDictionary<string, TxnAction> txns)
    {
        Version = version;
        CommittedAt = committedAt;
        Protocol = protocol;
        Metadata = metadata;
        Schema = schema;
        FilesByPath = files;
        Txns = txns;
    }

    public long Version { get; }

    public DateTimeOffset CommittedAt { get; }

    public ProtocolAction Protocol { get; }

    public MetadataAction Metadata { get; }

    /// <summary>The table's schema as Arrow types, partition columns included.</summary>
    public Schema Schema { get; }

    public IReadOnlyDictionary<string, AddFile> FilesByPath { get; }

    public IEnumerable<AddFile> Files => FilesByPath.Values;

    public ImmutableDictionary<string, TxnAction> Txns { get; }

    /// <summary>The position that application or split <paramref name="appId"/> has reached; null if never seen.</summary>
    public long? Position(string appId) => Txns.TryGetValue(appId, out var txn) ? txn.Version : null;

    /// <summary>Rows of all files; null when a file has no statistics.</summary>
    public long? RowCount
    {
        get
        {
            long rows = 0;
            foreach (var file in Files)
            {
                if (file.RowCount is not { } count) return null;
                rows += count;
            }

            return rows;
        }
    }
}
