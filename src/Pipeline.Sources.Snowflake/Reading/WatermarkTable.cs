using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Decoding;

namespace Pipeline.Sources.Snowflake.Reading;

/// <summary>
/// One table read by watermark: window after window <c>[from, U)</c>, each a single statement ordered by the watermark, so
/// that every chunk but those within one watermark's rows can be resumed after.
/// </summary>
/// <param name="rowsMax">Of each window, for somebody who only looks; null: all.</param>
internal sealed class WatermarkTable(string source, SnowflakeTableOptions table, SnowflakeSourceOptions options, SnowflakeClient client,
    SnowflakeMetrics metrics, SplitLooks looks, TimeProvider time, ILogger log, WaitWatch waits, int? rowsMax = null)
{
    private const long Never = long.MinValue;

    private TableShape? _shape;
    private string? _identity;
    private long _listedAt = Never;

    public string Name => table.Name;

    public SplitId Split { get; } = new(source, table.Name);

    /// <summary>How messages call it.</summary>
    public string Thing { get; } = $"Source {source}, table {table.Name} ({table.Table})";

    private string QuotedTable => string.Join('.', table.Table.Split('.').Select(Quote));

    private string QuotedWatermark => Quote(table.Watermark);

    /// <summary>Asks Snowflake for the table's columns.</summary>
    public async ValueTask<TableShape> DescribeAsync(CancellationToken cancellationToken)
    {
        using var result = await client.ExecuteAsync(Thing, $"SELECT * FROM {QuotedTable} WHERE FALSE", cancellationToken);
        var shape = TableShape.Of(Thing, table, result.Metadata.Columns);
        Volatile.Write(ref _shape, shape);
        return shape;
    }

    /// <summary>The table as a split. Whose history it is says when the table was made, which goes with it when it is swapped; of a view nobody knows.</summary>
    public async ValueTask<Split> ListAsync(CancellationToken cancellationToken)
    {
        // Lists are asked for more often than the account is; before anything is read or committed it is asked whatever was listed.
        if (Volatile.Read(ref _listedAt) is var at && (at == Never || time.GetElapsedTime(at) >= options.PollInterval))
        {
            var identity = (await CreationAsync(cancellationToken)).Identity;
            if (identity != Volatile.Read(ref _identity)) Volatile.Write(ref _shape, null);
            Volatile.Write(ref _identity, identity);
            Volatile.Write(ref _listedAt, time.GetTimestamp());
        }

        return new Split(Split, [Name]) { Identity = Volatile.Read(ref _identity) };
    }

    /// <summary>What has the table's name now.</summary>
    public ValueTask<TableCreation> CreationAsync(CancellationToken cancellationToken) => TableCreation.AskAsync(client, Thing, table, options, cancellationToken);

    /// <summary>A split that nothing is remembered of begins at the least watermark there can be.</summary>
    public async ValueTask<SplitStanding> LookBackAsync(SplitPosition left, CancellationToken cancellationToken)
    {
        var shape = Volatile.Read(ref _shape) ?? await DescribeAsync(cancellationToken);
        if (await OtherAsync(left.Identity, cancellationToken) is { } other) return new SplitStanding(left.Split, shape.Beginning, other);
        var doubt = shape.IsTimestamp && left.Position is { } reached && reached > shape.Beginning
            ? WatermarkNotices.DoubtOf(source, table, shape, Split, await BoundOf(shape).GreatestAsync(cancellationToken), reached) : null;
        return new SplitStanding(left.Split, shape.Beginning) { Doubt = doubt };
    }

    /// <summary>Rows come by the table's name: all that came until now is of the table that has it now, or had it before.</summary>
    /// <param name="identity">Of the table that the rows are taken for, however another was listed since; null: nobody could say.</param>
    public async ValueTask ConfirmAsync(string? identity, CancellationToken cancellationToken)
    {
        if (await OtherAsync(identity, cancellationToken) is { } other) throw other;
    }

    /// <summary>Null: it is the table that is meant.</summary>
    private async ValueTask<PipelineException?> OtherAsync(string? meant, CancellationToken cancellationToken)
    {
        if ((await CreationAsync(cancellationToken)).Identity == meant) return null;
        // Its columns are those of another, too, and it is to be listed at once.
        Volatile.Write(ref _shape, null);
        Volatile.Write(ref _listedAt, Never);
        return new PipelineException(FaultKind.Unreachable, Thing, "another table has its name now: it was made anew, swapped or restored",
            "That table is read from its beginning, and its rows are newer. What was read and not yet committed when that was noticed is not taken.");
    }

    /// <summary>Rows that will never be read because their watermark is null.</summary>
    public async ValueTask<long> CountWithoutWatermarkAsync(CancellationToken cancellationToken)
    {
        var count = await client.QueryCellAsync(Thing, $"SELECT COUNT(*) FROM {QuotedTable} WHERE {QuotedWatermark} IS NULL", cancellationToken);
        return long.TryParse(count, CultureInfo.InvariantCulture, out var rows) ? rows : throw SnowflakeClient.Broken(Thing, new FormatException($"'{count}' is no count"));
    }

    /// <summary>Asks what reading asks, each statement once; of windows one that has no rows.</summary>
    /// <returns>Where the table can be read to.</returns>
    public async ValueTask<WatermarkBound> TryAsync(TableShape shape, CancellationToken cancellationToken)
    {
        var bound = BoundOf(shape);
        _ = await bound.NextAsync(cancellationToken);
        var end = Math.Min(bound.Seen ?? 0, bound.Clock ?? long.MaxValue);
        using var window = await client.ExecuteAsync(Thing, WindowSql(shape, end, end), cancellationToken);
        var changes = ChangesOf(shape);
        if (await changes.MayHaveRowsAsync(bound, end, cancellationToken)) await changes.ReadToAsync(bound, end, cancellationToken);
        return bound;
    }

    /// <summary>The part of the table between two values of its watermark.</summary>
    /// <exception cref="PipelineException">They are none.</exception>
    public async ValueTask<SplitPart> LocateAsync(string from, string? to, CancellationToken cancellationToken)
    {
        var shape = await DescribeAsync(cancellationToken);
        return new SplitPart(Split, PositionOf(from), to is null ? null : PositionOf(to));

        long PositionOf(string text) => Math.Max(WatermarkPlace.Parse(text, shape.IsTimestamp, shape.HasMoments, Thing), shape.Beginning);
    }

    /// <summary>Reads from <paramref name="position"/> (null: from the beginning) until cancelled.</summary>
    /// <param name="stretchEnd">See <see cref="SplitPosition.End"/>.</param>
    public async IAsyncEnumerable<Chunk> ReadAsync(long? position, long? stretchEnd, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var shape = Volatile.Read(ref _shape) ?? await DescribeAsync(cancellationToken);
        if (shape.Columns[shape.Watermark].IsNullable && await CountWithoutWatermarkAsync(cancellationToken) is > 0 and var rows)
            log.RowsWithoutWatermark(source, table.Name, rows, table.Watermark);
        var bound = BoundOf(shape);
        var changes = ChangesOf(shape);
        var notices = new WatermarkNotices(source, table, shape, looks, Split, time, log);
        var from = position ?? shape.Beginning;
        long? lookedTo = null;
        var repeated = new RepeatedTime();
        long? lookedBefore = null;
        using var wait = waits.Open($"The end of {Thing}");
        long? reached = null;
        try
        {
            if (stretchEnd is { } stop)
            {
                // It lies before what was read once, and has no row that is still to be committed.
                if (from < stop)
                    await foreach (var chunk in ReadWindowAsync(shape, from, stop, cancellationToken))
                    {
                        from = chunk.Range.To;
                        metrics.Read(chunk);
                        yield return chunk;
                    }

                if (from < stop) yield return new Chunk(Split, table.Name, new PositionRange(from, stop), rows: null);
                await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
            }

            while (true)
            {
                var lookedAt = time.GetTimestamp();
                var next = await bound.NextAsync(cancellationToken);
                // A window without rows leaves the position where it is: that the end stands still tells.
                if (next != lookedTo || bound.Held is null) wait.End();
                else wait.Begin(bound.Held);
                lookedTo = next;
                notices.Look(bound, from == shape.Beginning ? null : from);
                if (shape.HasMoments && bound.Clock is { } clock)
                {
                    var readUpTo = from == shape.Beginning ? (long?)null : from;
                    if (repeated.Look(clock, readUpTo, lookedBefore is { } before ? time.GetElapsedTime(before) : null)) log.ClockSetBack(source, table.Name, WatermarkBound.TextOf(clock), WatermarkBound.TextOf(from));
                    lookedBefore = lookedAt;
                }
                else if (!shape.IsTimestamp && from < long.MaxValue && bound.Seen is { } seen && repeated.Look(seen, from == shape.Beginning ? null : from, sinceLook: null, shape.Beginning))
                {
                    log.NumbersBeganAgain(source, table.Name, table.Watermark, seen - 1, from);
                    // What was seen of greater numbers says nothing of when smaller ones are complete.
                    bound = BoundOf(shape);
                    continue;
                }

                if (repeated.IsOn)
                {
                    if ((shape.IsTimestamp ? await bound.ByClockAsync(cancellationToken) : next) is { } last && repeated.Next(last, from) is { } again)
                    {
                        await foreach (var chunk in ReadWindowAsync(shape, from, from + 1, cancellationToken, again))
                        {
                            reached = from = chunk.Range.To;
                            metrics.Read(chunk);
                            yield return chunk;
                        }

                        if (repeated.ReadTo(again.High, from) && shape.IsTimestamp) log.ClockCaughtUp(source, table.Name);
                    }

                    await Task.Delay(options.PollInterval, time, cancellationToken);
                    continue;
                }

                // An end is not taken back when the rows that it was chosen for are gone.
                if (next is { } end && end > from && bound.Seen > from && await changes.MayHaveRowsAsync(bound, end, cancellationToken))
                {
                    await foreach (var chunk in ReadWindowAsync(shape, from, end, cancellationToken))
                    {
                        reached = from = chunk.Range.To;
                        metrics.Read(chunk);
                        yield return chunk;
                    }

                    await changes.ReadToAsync(bound, end, cancellationToken);
                }

                if (bound.Behind is { } behind) looks.Saw(Split, SplitLook.Before(reached, lookedAt, behind, time));
                await Task.Delay(options.PollInterval, time, cancellationToken);
            }
        }
        finally
        {
            looks.Forget(Split);
        }
    }

    /// <summary>The chunks of one window; the last one ends at its end. None when it has no rows.</summary>
    /// <param name="again">Stamps that are read in place of the window's own; their rows are the newest there are, and lie at its beginning.</param>
    private async IAsyncEnumerable<Chunk> ReadWindowAsync(TableShape shape, long from, long end, [EnumeratorCancellation] CancellationToken cancellationToken, RepeatedStamps? again = null)
    {
        var stamps = again is var (low, high, withAhead) ? new PositionRange(Math.Max(low, shape.Beginning), withAhead ? long.MaxValue : high) : new PositionRange(from, end);
        using var result = await client.ExecuteAsync(Thing, again is { } repeated ? RepeatedSql(shape, repeated, from) : WindowSql(shape, from == shape.Beginning ? null : from, end), cancellationToken);
        if (!shape.IsSameAs(TableShape.Of(Thing, table, result.Metadata.Columns)))
        {
            Volatile.Write(ref _shape, null);
            throw new PipelineException(FaultKind.Unreachable, Thing, "its columns have changed while it was read", "Nothing to do: reading starts over with the new columns.");
        }

        await using var partitions = new PartitionPrefetch(client, Thing, result, options.ReadersMax, options.ReadingBytesMax, metrics, cancellationToken);
        var chunk = new ChunkAssembler(shape);
        try
        {
            var index = 0;
            for (var body = result.First; body is not null; body = await partitions.NextAsync(), index++)
            {
                using (body)
                {
                    metrics.Fetched(table.Name, body.Length);
                    using var rows = Open(shape, new PositionRange(again is null ? chunk.LastPosition ?? from : stamps.From, stamps.To), body, again is null ? null : from);
                    var isWhole = false;
                    while (Read(rows, chunk))
                    {
                        // Its end has not been seen, and what is handed over moves the position past its rows.
                        if (!isWhole) RequireRows(index, Count(body), result.Metadata);
                        isWhole = true;
                        // Rows with the next row's watermark may be in this chunk: then nothing is complete yet.
                        var to = again is null && rows.NextPosition > chunk.LastPosition ? rows.NextPosition : from;
                        var full = chunk;
                        chunk = new ChunkAssembler(shape);
                        yield return full.Build(Split, table.Name, new PositionRange(from, to));
                        from = to;
                        cancellationToken.ThrowIfCancellationRequested();
                    }

                    // Were a page believed that somebody on the way gave in the partition's place, the window would end without its rows.
                    RequireRows(index, rows.Rows, result.Metadata);
                }
            }

            if (chunk.Records == 0) yield break;
            var last = chunk;
            chunk = new ChunkAssembler(shape);
            yield return last.Build(Split, table.Name, new PositionRange(from, end));
        }
        finally
        {
            chunk.Dispose();
        }
    }

    private WatermarkBound BoundOf(TableShape shape) => new(Thing, QuotedTable, QuotedWatermark, shape, options, client);

    private TableChanges ChangesOf(TableShape shape) => new(Thing, QuotedTable, QuotedWatermark, new TableLiterals(shape), client);

    private void RequireRows(int partition, long rows, ResultMetadata metadata)
    {
        if (rows != metadata.RowsOf(partition)) throw SnowflakeClient.Broken(Thing, new JsonException($"partition {partition} has {rows} of {Plural.Of(metadata.RowsOf(partition), "row")}"));
    }

    private long Count(ResponseBody body)
    {
        try
        {
            return RowReader.Count(body);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw SnowflakeClient.Broken(Thing, e);
        }
    }

    private RowReader Open(TableShape shape, PositionRange window, ResponseBody body, long? position)
    {
        try
        {
            return new RowReader(Thing, Split, table.Name, shape, window, body) { Position = position };
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw SnowflakeClient.Broken(Thing, e);
        }
    }

    private bool Read(RowReader rows, ChunkAssembler chunk)
    {
        try
        {
            return rows.Read(chunk, options.ChunkBytesMax);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw SnowflakeClient.Broken(Thing, e);
        }
    }

    /// <summary>The window can be found in the query history by its bounds. One that ends with the type has its last value too: none is greater.</summary>
    private string WindowSql(TableShape shape, long? from, long end)
    {
        var literals = new TableLiterals(shape);
        var lower = from is { } value ? $"{QuotedWatermark} >= {literals.Of(value)} AND " : "";
        var below = end == long.MaxValue ? "<=" : "<";
        var order = string.Join(", ", table.Key.Where(key => key != table.Watermark).Prepend(table.Watermark).Select(Quote));
        return $"SELECT * FROM {QuotedTable} WHERE {lower}{QuotedWatermark} {below} {literals.Of(end)} ORDER BY {order}{(rowsMax is { } rows ? string.Create(CultureInfo.InvariantCulture, $" LIMIT {rows}") : "")}";
    }

    /// <summary>The window of a clock that gives times a second time.</summary>
    private string RepeatedSql(TableShape shape, RepeatedStamps stamps, long from)
    {
        var literals = new TableLiterals(shape);
        var ahead = stamps.WithAhead ? $" OR {QuotedWatermark} >= {literals.Of(from)}" : "";
        return $"SELECT * FROM {QuotedTable} WHERE ({QuotedWatermark} >= {literals.Of(Math.Max(stamps.Low, shape.Beginning))} AND {QuotedWatermark} < {literals.Of(stamps.High)}{ahead}) ORDER BY {Quote(table.Watermark)}";
    }

    private static string Quote(string name) => $"\"{name.Replace("\"", "\"\"")}\"";
}
