using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Schemas;

namespace Pipeline.Delta.Log;

/// <summary>Replays actions in the order of their versions. Not thread-safe.</summary>
internal sealed class SnapshotBuilder
{
    /// <summary>Versions between two looks for tombstones that nobody needs any more.</summary>
    private const int VersionsBetweenPrunes = 256;

    private readonly string _table;
    private readonly FileIndex.Builder _files;
    private readonly FileIndex.Builder _tombstones;
    private readonly ImmutableDictionary<string, TxnAction>.Builder _txns;
    private readonly Schema? _knownSchema;
    private readonly MetadataAction? _knownMetadata;
    private long _version;
    private DateTimeOffset _committedAt;
    private Guid? _commitId;
    private ProtocolAction? _protocol;
    private MetadataAction? _metadata;

    public SnapshotBuilder(string table)
    {
        _table = table;
        _version = -1;
        _files = FileIndex.Empty.ToBuilder();
        _tombstones = FileIndex.Empty.ToBuilder();
        _txns = ImmutableDictionary.CreateBuilder<string, TxnAction>(StringComparer.Ordinal);
    }

    public SnapshotBuilder(string table, Snapshot start)
    {
        _table = table;
        _version = start.Version;
        _committedAt = start.CommittedAt;
        _commitId = start.CommitId;
        _protocol = start.Protocol;
        _metadata = _knownMetadata = start.Metadata;
        _knownSchema = start.Schema;
        _files = start.Index.ToBuilder();
        _tombstones = start.Tombstones.ToBuilder();
        _txns = start.Txns.ToBuilder();
    }

    /// <summary>The last version applied; -1 before the first.</summary>
    public long Version => _version;

    /// <summary>Whether it knows what every table has.</summary>
    public bool IsComplete => _protocol is not null && _metadata is not null;

    /// <param name="modifiedAt">When the commit's object was written: its time if it does not say another.</param>
    public void ApplyCommit(long version, DateTimeOffset modifiedAt, IReadOnlyList<DeltaAction> actions)
    {
        _version = version;
        _committedAt = modifiedAt;
        _commitId = actions.OfType<CommitInfo>().FirstOrDefault()?.Id;
        // A file may be removed and added again in one commit; then it is live.
        foreach (var action in actions)
        {
            if (action is RemoveFile remove) Apply(remove);
        }

        foreach (var action in actions)
        {
            if (action is not RemoveFile) Apply(action);
        }

        if (version % VersionsBetweenPrunes == 0) PruneTombstones();
    }

    /// <summary>Takes part of a checkpoint: every path is new, removes are tombstones only.</summary>
    public void ApplyCheckpoint(long version, DateTimeOffset modifiedAt, IReadOnlyList<DeltaAction> actions)
    {
        _version = version;
        _committedAt = modifiedAt;
        List<AddFile> files = new(actions.Count);
        List<AddFile> tombstones = [];
        foreach (var action in actions)
        {
            switch (action)
            {
                case AddFile add: files.Add(add); break;
                case RemoveFile remove: tombstones.Add(Tombstone(remove)); break;
                default: Apply(action); break;
            }
        }

        _files.AddCheckpointed(files);
        _tombstones.AddCheckpointed(tombstones);
    }

    /// <exception cref="PipelineException">There is no protocol or metadata, or the table needs more than this version can do.</exception>
    public Snapshot Build()
    {
        if (_protocol is null) throw Incomplete("protocol");
        if (_metadata is null) throw Incomplete("metadata");
        ProtocolSupport.CheckReadable(_table, _protocol, _metadata);
        var schema = ReferenceEquals(_metadata, _knownMetadata) ? _knownSchema! : SchemaJson.Read(_table, _metadata.SchemaString);
        return new Snapshot(_version, _committedAt, _protocol, _metadata, schema, _files.Build(), _txns.ToImmutable(), _tombstones.Build()) { CommitId = _commitId };
    }

    private void Apply(DeltaAction action)
    {
        switch (action)
        {
            case AddFile add:
                _files.Add(add);
                _tombstones.Remove(add.Path);
                break;
            case RemoveFile remove:
                _files.Remove(remove.Path);
                _tombstones.Add(Tombstone(remove));
                break;
            case TxnAction txn: _txns[txn.AppId] = txn; break;
            case ProtocolAction protocol: _protocol = protocol; break;
            case MetadataAction metadata: _metadata = metadata; break;
            case CommitInfo info when info.Timestamp > DateTimeOffset.UnixEpoch: _committedAt = info.Timestamp; break;
            default: break;
        }
    }

    private void PruneTombstones()
    {
        if (_metadata is null) return;
        var keepFrom = _committedAt.Minus(TableProperties.DeletedFileRetention(_metadata));
        foreach (var expired in _tombstones.Build().Values.Where(tombstone => tombstone.ModifiedAt < keepFrom)) _tombstones.Remove(expired.Path);
    }

    private static AddFile Tombstone(RemoveFile remove) =>
        new(remove.Path, remove.PartitionValues ?? ActionReader.NoValues, remove.Size ?? -1, remove.DeletedAt, DataChange: false, Stats: null);

    private PipelineException Incomplete(string what) =>
        new(FaultKind.Damaged, $"Table {_table}", $"its log up to version {_version} has no {what}", "Restore the missing commits or checkpoint.");
}
