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

/// <summary>What rows look like in the lake.</summary>
/// <param name="Columns">By name: how each is written.</param>
/// <param name="Read">A row, by what its columns hold; a column that the table lacks holds null. Null: it is not as these rows are, and is passed by.</param>
internal sealed record RowForm<T>((Field Field, Func<T, object?> Value)[] Columns, Func<Func<string, object?>, T?> Read, Func<T, long> NumberOf)
    where T : class
{
    public Schema Schema { get; } = new([.. Columns.Select(column => column.Field)], null);

    public static (Field Field, Func<T, object?> Value) Column(string name, IArrowType type, Func<T, object?> value) => (new Field(name, type, nullable: true), value);

    public RecordBatch ToBatch(IReadOnlyList<T> rows) => new(Schema, Columns.Select(column => ToArray(column.Field.DataType, rows.Select(column.Value))), rows.Count);

    public IEnumerable<T> Rows(RecordBatch batch)
    {
        for (var row = 0; row < batch.Length; row++)
        {
            var at = row;
            if (Read(name => batch.Schema.GetFieldIndex(name) is >= 0 and var index ? ArrowValue.Of(batch.Column(index), at) : null) is { } read) yield return read;
        }
    }

    private static IArrowArray ToArray(IArrowType type, IEnumerable<object?> values) => type switch
    {
        Int64Type => values.Aggregate(new Int64Array.Builder(), (array, value) => value is long number ? array.Append(number) : array.AppendNull()).Build(),
        BooleanType => values.Aggregate(new BooleanArray.Builder(), (array, value) => value is bool flag ? array.Append(flag) : array.AppendNull()).Build(),
        TimestampType timestamp => values.Aggregate(new TimestampArray.Builder(timestamp), (array, value) => value is DateTimeOffset moment ? array.Append(moment) : array.AppendNull()).Build(),
        _ => values.Aggregate(new StringArray.Builder(), (array, value) => array.Append((string?)value)).Build(),
    };
}

/// <summary>A moment of a row.</summary>
internal static class RowMoment
{
    public static DateTimeOffset Of(LakeTimestamp value) => Moments.OfMicroseconds(DateTimeOffset.UnixEpoch, value.Microseconds);
}

/// <summary>
/// A table of numbered rows that is only appended to, each time in a commit that succeeds only while nobody else has appended. Safe to use
/// from several threads.
/// </summary>
internal sealed class NumberedTable<T>(Lake lake, TableId id, RowForm<T> form, string operation, TimeProvider time) : IDisposable
    where T : class
{
    /// <summary>The appId in its log of the number of the last row.</summary>
    private const string LastEntry = "entry";

    /// <summary>Others who append at the same moment.</summary>
    private static readonly RetryPolicy Races = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(10), BackoffMax = TimeSpan.FromSeconds(1), Jitter = 1, AttemptsMax = 100,
    };

    private readonly SemaphoreSlim _one = new(1);
    private readonly HashSet<string> _filesRead = new(StringComparer.Ordinal);
    private readonly SortedDictionary<long, T> _rows = [];
    private DeltaTable? _table;
    private NumberedRows<T> _read = new(Identity: null, Number: 0, []);

    public void Dispose() => _one.Dispose();

    /// <summary>What stands there now.</summary>
    /// <exception cref="PipelineException">It cannot be read.</exception>
    public async Task<NumberedRows<T>> ReadAsync(CancellationToken cancellationToken)
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

    /// <summary>Appends rows, decided over what stands there when they are appended.</summary>
    /// <param name="decide">Asked again when somebody else was faster; without rows nothing is appended.</param>
    /// <returns>What was decided last.</returns>
    /// <exception cref="PipelineException">The store fails. They may have been appended all the same: their ids tell.</exception>
    public async Task<TDecided> AppendAsync<TDecided>(Func<NumberedRows<T>, CancellationToken, ValueTask<(TDecided Decided, ImmutableArray<T> Rows)>> decide, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var (isOver, decided) = await Races.RunAsync<(bool IsOver, TDecided Decided)>(time, async cancel =>
            {
                var read = await RefreshAsync(cancel);
                var (result, rows) = await decide(read, cancel);
                return (rows.IsEmpty || await CommitAsync(read, rows, cancel), result);
            }, cancellationToken, isAgain: done => !done.IsOver, isTransient: _ => false);
            if (!isOver) throw new PipelineException(FaultKind.Unreachable, $"Table {id}", $"other writers came first {Races.AttemptsMax} times", "Look for too many writers of this table.");
            return decided;
        }
        finally
        {
            _one.Release();
        }
    }

    private async ValueTask<bool> CommitAsync(NumberedRows<T> read, ImmutableArray<T> rows, CancellationToken cancellationToken)
    {
        var table = _table ??= await lake.OpenOrCreateAsync(id, form.Schema, [], ImmutableDictionary<string, string>.Empty, cancellationToken);
        using var batch = form.ToBatch(rows);
        await using var writer = await table.OpenDataFileAsync(form.Schema, ImmutableDictionary<string, string?>.Empty, new DataFileOptions(), cancellationToken);
        writer.Write(batch);
        var result = await table.CommitAsync(new Transaction(operation, Isolation.BlindAppend)
        {
            Adds = [await writer.CompleteAsync(cancellationToken)],
            Moves = [new TxnMove(LastEntry, read.Number == 0 ? null : read.Number, form.NumberOf(rows[^1]))],
            Schema = form.Schema,
        }, cancellationToken);
        if (result is not CommitResult.Committed) return false;
        await RefreshAsync(cancellationToken);
        return true;
    }

    private async ValueTask<NumberedRows<T>> RefreshAsync(CancellationToken cancellationToken)
    {
        _table ??= await lake.TryOpenAsync(id, cancellationToken);
        if (_table is null) return _read;
        var snapshot = await _table.RefreshAsync(cancellationToken);
        if (snapshot.Metadata.Id == _read.Identity && snapshot.Position(LastEntry) == _read.Number) return _read;
        // Another table, or an older copy of it.
        if (snapshot.Metadata.Id != _read.Identity || (snapshot.Position(LastEntry) ?? 0) < _read.Number)
        {
            _filesRead.Clear();
            _rows.Clear();
        }

        var news = snapshot.Files.Where(file => !_filesRead.Contains(file.Path)).ToList();
        await foreach (var batch in TableReader.ReadAsync(_table, snapshot, news, new ReadOptions(), cancellationToken))
        {
            using (batch)
                // Files that were put together hold what was read before.
                foreach (var row in form.Rows(batch)) _rows[form.NumberOf(row)] = row;
        }

        _filesRead.UnionWith(news.Select(file => file.Path));
        return _read = new NumberedRows<T>(snapshot.Metadata.Id, snapshot.Position(LastEntry) ?? 0, [.. _rows.Values]);
    }
}

/// <summary>All rows of a table.</summary>
/// <param name="Identity">Of the table; null: there is none yet.</param>
/// <param name="Number">Of the last row; 0: there is none.</param>
internal sealed record NumberedRows<T>(string? Identity, long Number, ImmutableArray<T> Rows);
