using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Table;

/// <summary>
/// Reads V1 checkpoints, batch by batch. See PROTOCOL.md, section "Checkpoints". Columns we have no use for (parsed
/// statistics, other writers' own) are not read.
/// </summary>
internal static class CheckpointReader
{
    private static readonly ImmutableArray<string> Columns =
    [
        "add.path", "add.partitionValues.", "add.size", "add.modificationTime", "add.dataChange", "add.stats", "add.tags.", "add.deletionVector.",
        "remove.path", "remove.deletionTimestamp", "remove.dataChange", "remove.partitionValues.", "remove.size",
        "txn.", "metaData.", "protocol.",
    ];

    /// <exception cref="PipelineException">The checkpoint is damaged.</exception>
    public static async ValueTask ReadAsync(IObjectStore store, LogFile checkpoint, SnapshotBuilder builder, CancellationToken cancellationToken)
    {
        var what = $"the checkpoint of version {checkpoint.Version}";
        using var source = await ParquetSource.OpenAsync(store, checkpoint.Path, what, cancellationToken);
        try
        {
            using var metadata = source.Reader.ParquetReader.FileMetaData;
            var schema = metadata.Schema;
            int[] columns = [.. Enumerable.Range(0, schema.NumColumns).Where(i => IsWanted(schema.Column(i).Path.ToDotString()))];
            using var batches = source.Reader.GetRecordBatchReader(null, columns);
            while (await batches.ReadNextRecordBatchAsync(cancellationToken) is { } batch)
            {
                using (batch) builder.ApplyCheckpoint(checkpoint.Version, checkpoint.ModifiedAt, new CheckpointBatch(batch).Actions());
            }
        }
        catch (Exception e) when (ParquetSource.IsDamage(e))
        {
            throw source.Explain(e);
        }
    }

    private static bool IsWanted(string path) =>
        Columns.Any(column => column.EndsWith('.') ? path.StartsWith(column, StringComparison.Ordinal) : path == column);
}

/// <summary>A batch of a checkpoint's rows, of which each is one action.</summary>
internal sealed class CheckpointBatch(RecordBatch batch)
{
    public List<DeltaAction> Actions()
    {
        List<DeltaAction> actions = new(batch.Length);
        ReadAdds(Required("add"), actions);
        if (Optional("remove") is { } removes) ReadRemoves(removes, actions);
        if (Optional("txn") is { } txns) ReadTxns(txns, actions);
        ReadMetadata(Required("metaData"), actions);
        ReadProtocol(Required("protocol"), actions);
        return actions;
    }

    private static void ReadAdds(StructColumns add, List<DeltaAction> actions)
    {
        var (path, size, modified) = (add.Texts("path"), add.Longs("size"), add.Longs("modificationTime"));
        var (values, stats, tags) = (add.Maps("partitionValues"), add.TryTexts("stats"), add.TryMaps("tags"));
        foreach (var i in add.Rows())
        {
            actions.Add(new AddFile(PathEncoding.Decode(path.GetString(i) ?? throw new FormatException("a file has no path")), Values(values, i), size.GetValue(i) ?? 0,
                Moments.OfMilliseconds(modified.GetValue(i) ?? 0), DataChange: true,
                stats?.GetString(i), tags is null || tags.IsNull(i) ? null : Strings(tags, i)));
        }
    }

    private static void ReadRemoves(StructColumns remove, List<DeltaAction> actions)
    {
        var (path, deleted, size) = (remove.Texts("path"), remove.TryLongs("deletionTimestamp"), remove.TryLongs("size"));
        foreach (var i in remove.Rows())
        {
            actions.Add(new RemoveFile(PathEncoding.Decode(path.GetString(i) ?? throw new FormatException("a file has no path")), Moments.OfMilliseconds(deleted?.GetValue(i) ?? 0),
                DataChange: false, Size: size?.GetValue(i)));
        }
    }

    private static void ReadTxns(StructColumns txn, List<DeltaAction> actions)
    {
        var (appId, version, updated) = (txn.Texts("appId"), txn.Longs("version"), txn.TryLongs("lastUpdated"));
        foreach (var i in txn.Rows())
            actions.Add(new TxnAction(appId.GetString(i) ?? throw new FormatException("a txn has no appId"), version.GetValue(i) ?? 0, Time(updated?.GetValue(i))));
    }

    private static void ReadMetadata(StructColumns metadata, List<DeltaAction> actions)
    {
        var (id, schema, created) = (metadata.Texts("id"), metadata.Texts("schemaString"), metadata.TryLongs("createdTime"));
        var (name, description) = (metadata.TryTexts("name"), metadata.TryTexts("description"));
        var (columns, configuration) = (metadata.Lists("partitionColumns"), metadata.Maps("configuration"));
        foreach (var i in metadata.Rows())
        {
            actions.Add(new MetadataAction(id.GetString(i) ?? "", schema.GetString(i) ?? "",
                Items(columns, i) ?? [], Strings(configuration, i), name?.GetString(i), description?.GetString(i), Time(created?.GetValue(i))));
        }
    }

    private static void ReadProtocol(StructColumns protocol, List<DeltaAction> actions)
    {
        var (reader, writer) = (protocol.Integers("minReaderVersion"), protocol.Integers("minWriterVersion"));
        var (readerFeatures, writerFeatures) = (protocol.TryLists("readerFeatures"), protocol.TryLists("writerFeatures"));
        foreach (var i in protocol.Rows())
        {
            actions.Add(new ProtocolAction(reader.GetValue(i) ?? 0, writer.GetValue(i) ?? 0,
                readerFeatures is null ? null : Items(readerFeatures, i), writerFeatures is null ? null : Items(writerFeatures, i)));
        }
    }

    private StructColumns Required(string name) => Optional(name) ?? throw new FormatException($"it has no column {name}");

    private StructColumns? Optional(string name)
    {
        var index = batch.Schema.GetFieldIndex(name, StringComparer.Ordinal);
        return index < 0 ? null : new StructColumns(name, batch.Column(index));
    }

    private static DateTimeOffset? Time(long? milliseconds) => milliseconds is { } ms ? Moments.OfMilliseconds(ms) : null;

    private static ImmutableDictionary<string, string?> Values(MapArray maps, int row)
    {
        var (start, end) = (maps.ValueOffsets[row], maps.ValueOffsets[row + 1]);
        if (start == end) return ActionReader.NoValues;
        var (keys, values) = ((StringArray)maps.Keys, (StringArray)maps.Values);
        var map = ActionReader.NoValues.ToBuilder();
        for (var i = start; i < end; i++) map[keys.GetString(i)] = values.GetString(i);
        return map.ToImmutable();
    }

    private static ImmutableDictionary<string, string> Strings(MapArray maps, int row) =>
        ActionReader.NoStrings.AddRange(Values(maps, row).Select(entry => KeyValuePair.Create(entry.Key, entry.Value ?? "")));

    private static ImmutableArray<string>? Items(ListArray lists, int row)
    {
        if (lists.IsNull(row)) return null;
        var values = (StringArray)lists.Values;
        return [.. Enumerable.Range(lists.ValueOffsets[row], lists.GetValueLength(row)).Select(i => values.GetString(i))];
    }
}

/// <summary>The fields of a struct column by name, with errors that say which is wrong.</summary>
internal sealed class StructColumns
{
    private readonly string _name;
    private readonly StructArray _array;
    private readonly IReadOnlyList<Field> _fields;

    public StructColumns(string name, IArrowArray array)
    {
        _name = name;
        _array = array as StructArray ?? throw new FormatException($"its column {name} is no struct");
        _fields = ((Apache.Arrow.Types.StructType)_array.Data.DataType).Fields;
    }

    /// <summary>The rows in which the struct is there.</summary>
    public IEnumerable<int> Rows() => Enumerable.Range(0, _array.Length).Where(i => !_array.IsNull(i));

    public StringArray Texts(string field) => TryTexts(field) ?? throw Lacks(field);

    public StringArray? TryTexts(string field) => Find<StringArray>(field);

    public Int64Array Longs(string field) => TryLongs(field) ?? throw Lacks(field);

    public Int64Array? TryLongs(string field) => Find<Int64Array>(field);

    public Int32Array Integers(string field) => Find<Int32Array>(field) ?? throw Lacks(field);

    public MapArray Maps(string field) => TryMaps(field) ?? throw Lacks(field);

    public MapArray? TryMaps(string field) => Find<MapArray>(field);

    public ListArray Lists(string field) => TryLists(field) ?? throw Lacks(field);

    public ListArray? TryLists(string field) => Find<ListArray>(field);

    private T? Find<T>(string field)
        where T : class, IArrowArray
    {
        for (var i = 0; i < _fields.Count; i++)
        {
            if (_fields[i].Name != field) continue;
            return _array.Fields[i] as T ?? throw new FormatException($"its field {_name}.{field} is {_fields[i].DataType.Name}");
        }

        return null;
    }

    private FormatException Lacks(string field) => new($"it has no field {_name}.{field}");
}
