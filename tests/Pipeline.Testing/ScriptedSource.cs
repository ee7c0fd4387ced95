using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;

namespace Pipeline.Testing;

/// <summary>One record of a <see cref="ScriptedSystem"/>.</summary>
/// <param name="IsDead">It cannot be decoded.</param>
/// <param name="EndsGroup">Reading can be resumed after it; records before the end of their group are read in chunks that do not advance.</param>
public sealed record ScriptedRecord(string Table, string Id, bool IsDead = false, bool EndsGroup = true);

/// <summary>
/// A system to read from, in memory: splits are lists of records, a record's position is its index. It outlives the
/// sources that read it, as a real one outlives the process.
/// </summary>
public sealed class ScriptedSystem(string name)
{
    private readonly Lock _lock = new();
    private readonly List<SourceTable> _tables = [];
    private readonly Dictionary<SplitId, (Split Split, List<ScriptedRecord> Records)> _splits = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Name { get; } = name;

    /// <summary>Records in a chunk at most.</summary>
    public int ChunkRows { get; set; } = 100;

    /// <summary>Asked before each read of a split: what is returned is thrown.</summary>
    public ConcurrentDictionary<SplitId, Func<SplitId, PipelineException?>> Faults { get; } = [];

    /// <summary>Why a table cannot be described.</summary>
    public ConcurrentDictionary<string, PipelineException> Undescribed { get; } = [];

    /// <summary>Why a split cannot be read on where it was left.</summary>
    public ConcurrentDictionary<SplitId, PipelineException> Standings { get; } = [];

    /// <summary>Where splits begin that are read again together with snapshots.</summary>
    public ConcurrentDictionary<SplitId, long> BeginningsAnew { get; } = [];

    /// <summary>Why what was read must not be committed; null: it may.</summary>
    public PipelineException? Unconfirmed { get; set; }

    /// <summary>The highest acknowledged position of each split.</summary>
    public ConcurrentDictionary<SplitId, long> Acknowledged { get; } = [];

    /// <summary>Up to where each split's chunks have been taken by a reader who came back for more.</summary>
    public ConcurrentDictionary<SplitId, long> Delivered { get; } = [];

    /// <summary>Looks at splits, as the sources that are open tell them.</summary>
    public SplitLooks Looks { get; } = new();

    /// <summary>Whether a record cannot be decoded; by default what it says itself.</summary>
    public Func<ScriptedRecord, bool> IsDead { get; set; } = record => record.IsDead;

    /// <summary>Whether tables have a second, nullable column <c>extra</c>.</summary>
    public bool HasExtraColumn { get; set; }

    public ScriptedSystem WithTable(string table, int workers = 1)
    {
        _tables.Add(new SourceTable(table, workers) { PositionsNameRecords = true });
        return this;
    }

    public SplitId AddSplit(string split, params string[] tables)
    {
        var id = new SplitId(Name, split);
        lock (_lock) _splits.Add(id, (new Split(id, tables), []));
        return id;
    }

    /// <summary>Has the split begin at a position that tables must record.</summary>
    /// <param name="anew">Where it begins for tables that begin anew; null: it does not say.</param>
    public void BeginAt(SplitId split, long position, long? anew = null)
    {
        lock (_lock) _splits[split] = _splits[split] with { Split = _splits[split].Split with { Beginning = position, BeginningAnew = anew } };
    }

    /// <summary>What the splits are told apart by from those that had their names before; null, as at first, says nothing.</summary>
    public string? Identity { get; set; }

    /// <summary>A system of another identity, with the same splits and nothing in them.</summary>
    public void MakeAnew(string identity)
    {
        lock (_lock)
        {
            foreach (var (_, records) in _splits.Values) records.Clear();
            Identity = identity;
        }
    }

    public void Append(SplitId split, params IEnumerable<ScriptedRecord> records)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            _splits[split].Records.AddRange(records);
            (changed, _changed) = (_changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        changed.TrySetResult();
    }

    /// <summary>Appends rows with ids <c>SPLIT:INDEX</c>.</summary>
    public void AppendRows(SplitId split, string table, int count)
    {
        int start;
        lock (_lock) start = _splits[split].Records.Count;
        Append(split, Enumerable.Range(start, count).Select(index => new ScriptedRecord(table, $"{split.Name}:{index}")));
    }

    public ISource Open() => new Source(this);

    private Schema SchemaOf() => new(
    [
        new Field("id", StringType.Default, nullable: false),
        .. HasExtraColumn ? [new Field("extra", Int64Type.Default, nullable: true)] : System.Array.Empty<Field>(),
        BronzeColumns.OpField, BronzeColumns.PositionField,
    ], null);

    /// <summary>The records from <paramref name="position"/> on that fit into one chunk, and a signal for more.</summary>
    private (List<ScriptedRecord> Records, Task Changed) Next(SplitId split, long position)
    {
        lock (_lock)
        {
            var records = _splits[split].Records;
            var next = new List<ScriptedRecord>();
            for (var i = (int)position; i < records.Count && next.Count < ChunkRows; i++)
            {
                var record = records[i];
                if (next.Count > 0 && (record.Table != next[0].Table || record.EndsGroup != next[^1].EndsGroup && !record.EndsGroup)) break;
                next.Add(record);
                if (record.EndsGroup && next.Count > 1 && !next[^2].EndsGroup) break;
            }

            return (next, _changed.Task);
        }
    }

    private Chunk ChunkOf(SplitId split, long groupStart, long position, List<ScriptedRecord> records)
    {
        var memory = new ColumnMemory();
        var (rows, dead) = (new Rows(memory, SchemaOf()), new DeadRows(memory));
        for (var i = 0; i < records.Count; i++)
        {
            if (IsDead(records[i])) dead.Append(split, position + i, records[i]);
            else rows.Append(position + i, records[i]);
        }

        var to = records[^1].EndsGroup ? position + records.Count : groupStart;
        return new Chunk(split, records[0].Table, new PositionRange(groupStart, to), rows.Build(), dead.Build(), memory.Bytes, newestEventAt: null, memory);
    }

    private sealed class Source(ScriptedSystem system) : ISource
    {
        public string Name => system.Name;

        public IReadOnlyList<SourceTable> Tables => system._tables;

        public ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken) => system.Undescribed.TryGetValue(table, out var fault) ? ValueTask.FromException<Schema>(fault) : new(system.SchemaOf());

        public ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken)
        {
            lock (system._lock)
                return new([.. system._splits.Values.Select(entry => entry.Split with { Identity = system.Identity }).Where(split => split.Tables.Contains(table, StringComparer.Ordinal))]);
        }

        public async IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            var positions = from.ToDictionary(start => start.Split, start => (Group: start.Position ?? 0, Next: start.Position ?? 0));
            while (true)
            {
                var isIdle = true;
                Task changed = Task.CompletedTask;
                foreach (var split in from.Select(start => start.Split))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (system.Faults.TryGetValue(split, out var fault) && fault(split) is { } exception) throw exception;
                    var (group, next) = positions[split];
                    (var records, changed) = system.Next(split, next);
                    if (from.First(start => start.Split == split).End is { } end) records = [.. records.Take((int)Math.Max(0, end - next))];
                    if (records.Count == 0) continue;
                    isIdle = false;
                    var chunk = system.ChunkOf(split, group, next, records);
                    positions[split] = (records[^1].EndsGroup ? next + records.Count : group, next + records.Count);
                    yield return chunk;
                    system.Delivered[split] = positions[split].Next;
                }

                if (isIdle) await changed.WaitAsync(cancellationToken);
            }
        }

        public ValueTask<IReadOnlyList<SplitStanding>> LookBackAsync(IReadOnlyList<SplitPosition> left, CancellationToken cancellationToken) =>
            new([.. left.Select(split => new SplitStanding(split.Split, Beginning: 0, split.Position is null ? null : system.Standings.GetValueOrDefault(split.Split)) { BeginningAnew = system.BeginningsAnew.TryGetValue(split.Split, out var anew) ? anew : null })]);

        public ValueTask ConfirmAsync(IReadOnlyCollection<Split> read, CancellationToken cancellationToken) => system.Unconfirmed is { } fault ? throw fault : ValueTask.CompletedTask;

        public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken)
        {
            system.Acknowledged.AddOrUpdate(split, position, (_, known) => Math.Max(known, position));
            return ValueTask.CompletedTask;
        }

        public SplitLook? LastLook(SplitId split) => system.Looks.Find(split);

        public PipelineException? DoubtOf(SplitId split) => system.Looks.DoubtOf(split);

        public long? EndOf(SplitId split) => system.Looks.EndOf(split);

        public ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken) => new([]);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class Rows(ColumnMemory memory, Schema schema)
    {
        private readonly BytesColumn _id = new(memory, StringType.Default);
        private readonly FixedColumn<long> _extra = new(memory, Int64Type.Default);
        private readonly BytesColumn _op = new(memory, StringType.Default);
        private readonly FixedColumn<long> _position = new(memory, Int64Type.Default);

        public void Append(long position, ScriptedRecord record)
        {
            _id.Append(Encoding.UTF8.GetBytes(record.Id));
            _extra.Append(position * 10);
            _op.Append("c"u8);
            _position.Append(position);
        }

        public RecordBatch? Build() => _id.Length == 0 ? null : new RecordBatch(schema,
            [_id.Build(), .. schema.GetFieldIndex("extra") >= 0 ? [_extra.Build()] : System.Array.Empty<IArrowArray>(), _op.Build(), _position.Build()], _id.Length);
    }

    private sealed class DeadRows(ColumnMemory memory)
    {
        private readonly BytesColumn[] _texts = [.. Enumerable.Range(0, 4).Select(_ => new BytesColumn(memory, StringType.Default))];
        private readonly FixedColumn<long> _position = new(memory, Int64Type.Default);
        private readonly BytesColumn _key = new(memory, BinaryType.Default);
        private readonly BytesColumn _value = new(memory, BinaryType.Default);
        private readonly BytesColumn _headers = new(memory, StringType.Default);
        private readonly FixedColumn<long> _timestamp = new(memory, BronzeColumns.Timestamp);

        public void Append(SplitId split, long position, ScriptedRecord record)
        {
            foreach (var (column, text) in _texts.Zip([record.Table, split.ToString(), "scripted", "It was written as dead."]))
                column.Append(Encoding.UTF8.GetBytes(text));
            _position.Append(position);
            _key.AppendNull();
            _value.Append(Encoding.UTF8.GetBytes(record.Id));
            _headers.AppendNull();
            _timestamp.AppendNull();
        }

        public RecordBatch? Build() => _position.Length == 0 ? null : new RecordBatch(DeadLetterColumns.SourceSchema,
            [_texts[0].Build(), _texts[1].Build(), _position.Build(), _texts[2].Build(), _texts[3].Build(), _key.Build(), _value.Build(), _headers.Build(),
                _timestamp.Build()], _position.Length);
    }
}
