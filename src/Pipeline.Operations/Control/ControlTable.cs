using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Control;

/// <summary>
/// <c>gold/_pipeline_control</c>: what operators have said, one row a word, order or end of an order, each appended in a commit of its own
/// that succeeds only while nobody else has appended. Safe to use from several threads.
/// </summary>
internal sealed class ControlTable(Lake lake, TimeProvider time) : IDisposable
{
    public static readonly TableId Id = TableId.Gold("_pipeline_control");

    /// <summary>The appId in its log of the number of the last entry.</summary>
    private const string LastEntry = "entry";

    /// <summary>Others who append at the same moment.</summary>
    private static readonly RetryPolicy Races = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(10), BackoffMax = TimeSpan.FromSeconds(1), Jitter = 1, AttemptsMax = 100,
    };

    private readonly SemaphoreSlim _one = new(1);
    private readonly HashSet<string> _filesRead = new(StringComparer.Ordinal);
    private readonly SortedDictionary<long, ControlEntry> _entries = [];
    private DeltaTable? _table;
    private ControlState _state = ControlState.None;

    public void Dispose() => _one.Dispose();

    /// <summary>What stands there now.</summary>
    /// <exception cref="PipelineException">It cannot be read.</exception>
    public async Task<ControlState> ReadAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            return await RefreshAsync(cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Appends an entry, decided over what stands there when it is appended.</summary>
    /// <param name="decide">Asked again when somebody else was faster; a null entry appends nothing.</param>
    /// <returns>What was decided last.</returns>
    /// <exception cref="PipelineException">The store fails. It may have been appended all the same: its id tells.</exception>
    public async Task<T> AppendAsync<T>(Func<ControlState, CancellationToken, ValueTask<(T Decided, ControlEntry? Entry)>> decide, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var (isOver, decided) = await Races.RunAsync<(bool IsOver, T Decided)>(time, async cancel =>
            {
                var state = await RefreshAsync(cancel);
                var (result, entry) = await decide(state, cancel);
                return (entry is null || await CommitAsync(state, entry, cancel), result);
            }, cancellationToken, isAgain: done => !done.IsOver, isTransient: _ => false);
            if (!isOver) throw new PipelineException(FaultKind.Unreachable, $"Table {Id}", $"other writers came first {Races.AttemptsMax} times", "Look for too many writers of this table.");
            return decided;
        }
        finally
        {
            _one.Release();
        }
    }

    private async ValueTask<bool> CommitAsync(ControlState state, ControlEntry entry, CancellationToken cancellationToken)
    {
        var table = _table ??= await lake.OpenOrCreateAsync(Id, ControlEntry.Schema, [], ImmutableDictionary<string, string>.Empty, cancellationToken);
        using var batch = entry.ToBatch();
        await using var writer = await table.OpenDataFileAsync(ControlEntry.Schema, ImmutableDictionary<string, string?>.Empty, new DataFileOptions(), cancellationToken);
        writer.Write(batch);
        var result = await table.CommitAsync(new Transaction("CONTROL", Isolation.BlindAppend)
        {
            Adds = [await writer.CompleteAsync(cancellationToken)],
            Moves = [new TxnMove(LastEntry, state.Number == 0 ? null : state.Number, entry.Number)],
            Schema = ControlEntry.Schema,
            Parameters = ImmutableDictionary<string, string>.Empty.Add("entry", entry.Entry).Add("kind", entry.Kind).Add("target", entry.Target).Add("id", entry.Id),
        }, cancellationToken);
        if (result is not CommitResult.Committed) return false;
        await RefreshAsync(cancellationToken);
        return true;
    }

    private async ValueTask<ControlState> RefreshAsync(CancellationToken cancellationToken)
    {
        _table ??= await lake.TryOpenAsync(Id, cancellationToken);
        if (_table is null) return _state;
        var snapshot = await _table.RefreshAsync(cancellationToken);
        if (snapshot.Metadata.Id == _state.Identity && snapshot.Position(LastEntry) == _state.Number) return _state;
        if (snapshot.Metadata.Id != _state.Identity)
        {
            _filesRead.Clear();
            _entries.Clear();
        }

        var news = snapshot.Files.Where(file => !_filesRead.Contains(file.Path)).ToList();
        await foreach (var batch in TableReader.ReadAsync(_table, snapshot, news, new ReadOptions(), cancellationToken))
        {
            using (batch)
                // Files that were put together hold what was read before.
                foreach (var entry in ControlEntry.Read(batch)) _entries[entry.Number] = entry;
        }

        _filesRead.UnionWith(news.Select(file => file.Path));
        return _state = _entries.Values.Aggregate(ControlState.None, (state, entry) => entry.AddTo(state)) with { Identity = snapshot.Metadata.Id, Number = snapshot.Position(LastEntry) ?? 0 };
    }
}

/// <summary>One row of the table: a wish, an order, or the end of an order.</summary>
internal sealed record ControlEntry(long Number, string Entry, string Id, string Kind, string Target, string? TargetKind, bool? Holds, string? Value, string? Aim, string Who, DateTimeOffset At, string? Why, string? Detail)
{
    private const string OfWish = "wish";
    private const string OfOrder = "order";
    private const string OfEnd = "end";

    private static readonly (Field Field, Func<ControlEntry, object?> Value)[] Columns =
    [
        Of("number", Int64Type.Default, entry => entry.Number),
        Of("entry", StringType.Default, entry => entry.Entry),
        Of("id", StringType.Default, entry => entry.Id),
        Of("kind", StringType.Default, entry => entry.Kind),
        Of("target", StringType.Default, entry => entry.Target),
        Of("target_kind", StringType.Default, entry => entry.TargetKind),
        Of("holds", BooleanType.Default, entry => entry.Holds),
        Of("parameter", StringType.Default, entry => entry.Value),
        Of("aim", StringType.Default, entry => entry.Aim),
        Of("who", StringType.Default, entry => entry.Who),
        Of("at", BronzeColumns.Timestamp, entry => entry.At),
        Of("why", StringType.Default, entry => entry.Why),
        Of("detail", StringType.Default, entry => entry.Detail),
    ];

    public static Schema Schema { get; } = new([.. Columns.Select(column => column.Field)], null);

    public static ControlEntry Of(long number, Wish wish) =>
        new(number, OfWish, wish.Id, Word(wish.Kind), wish.Target.Name, Word(wish.Target.Kind), wish.Holds, wish.Value, Aim: null, wish.Who, wish.At, wish.Why, Detail: null);

    public static ControlEntry Of(Order order) => new(order.Number, OfOrder, order.Id, Word(order.Kind), order.Target.Name, Word(order.Target.Kind), Holds: null, order.Value,
        order.Aim is { } aim ? ControlPlan.WriteAim(aim) : null, order.Who, order.At, order.Why, Detail: null);

    public static ControlEntry Of(long number, OrderEnd end, ControlTarget target) =>
        new(number, OfEnd, end.Id, Word(end.Outcome), target.Name, Word(target.Kind), Holds: null, Value: null, Aim: null, end.Who, end.At, Why: null, end.Detail);

    /// <summary>Of a kind that this release does not know: it is passed by, and stays.</summary>
    public ControlState AddTo(ControlState state)
    {
        if (Entry == OfEnd && TryWord<OrderOutcome>(Kind) is { } outcome) return state.With(new OrderEnd(Id, outcome, Detail, Who, At));
        if (TryWord<ControlTargetKind>(TargetKind) is not { } targetKind) return state;
        var target = new ControlTarget(targetKind, Target);
        if (Entry == OfWish && TryWord<WishKind>(Kind) is { } wish) return state.With(new Wish(Id, wish, target, Holds == true, Value, Who, At, Why ?? ""));
        if (Entry == OfOrder && TryWord<OrderKind>(Kind) is { } order) return state.With(new Order(Id, Number, order, target, Aim is { } aim ? ControlPlan.ReadAim(aim) : null, Value, Who, At, Why ?? ""));
        return state;
    }

    public RecordBatch ToBatch() => new(Schema, Columns.Select(column => ToArray(column.Field.DataType, column.Value(this))), 1);

    public static IEnumerable<ControlEntry> Read(RecordBatch batch)
    {
        for (var row = 0; row < batch.Length; row++)
        {
            var at = row;
            yield return new ControlEntry((long)Value("number")!, Text("entry")!, Text("id")!, Text("kind")!, Text("target")!, Text("target_kind"), (bool?)Value("holds"), Text("parameter"), Text("aim"),
                Text("who")!, DateTimeOffset.UnixEpoch.AddTicks(((LakeTimestamp)Value("at")!).Microseconds * TimeSpan.TicksPerMicrosecond), Text("why"), Text("detail"));

            object? Value(string name) => batch.Schema.GetFieldIndex(name) is >= 0 and var index ? ArrowValue.Of(batch.Column(index), at) : null;
            string? Text(string name) => (string?)Value(name);
        }
    }

    private static IArrowArray ToArray(IArrowType type, object? value) => type switch
    {
        Int64Type => new Int64Array.Builder().Append((long)value!).Build(),
        BooleanType => value is bool flag ? new BooleanArray.Builder().Append(flag).Build() : new BooleanArray.Builder().AppendNull().Build(),
        TimestampType timestamp => new TimestampArray.Builder(timestamp).Append((DateTimeOffset)value!).Build(),
        _ => new StringArray.Builder().Append((string?)value).Build(),
    };

    private static string Word<T>(T value)
        where T : struct, Enum => ControlWords.Of(value);

    private static T? TryWord<T>(string? text)
        where T : struct, Enum => ControlWords.TryRead<T>(text);

    private static (Field Field, Func<ControlEntry, object?> Value) Of(string name, IArrowType type, Func<ControlEntry, object?> value) => (new Field(name, type, nullable: true), value);
}
