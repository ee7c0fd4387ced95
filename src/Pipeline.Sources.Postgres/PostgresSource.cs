using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Sources.Postgres.Reading.Watermark;

namespace Pipeline.Sources.Postgres;

/// <summary>
/// Tables of one PostgreSQL database: by their watermarks, one split a table; or by change capture, one split for the
/// slot with all tables and one for each table's snapshot.
/// </summary>
internal sealed class PostgresSource : IRemovableSource, IPartSource
{
    private readonly PostgresSourceOptions _options;
    private readonly SourceServices _services;
    private readonly PostgresConnections _connections;
    private readonly DescribedTables _tables;
    private readonly ConfirmedPosition _confirmed = new();
    private readonly PostgresMetrics _metrics;
    private readonly SplitLooks _looks = new();
    private readonly ConcurrentDictionary<(string Table, string Column), byte> _nulled = new();
    private readonly ILogger _log;
    private readonly CaptureOwnership _ownership;
    private readonly CaptureListing _listing;
    private readonly int? _looksMax;

    /// <param name="looksMax">So many rows of a table are looked at, and nothing is made for it; null: it is read for good.</param>
    public PostgresSource(PostgresSourceDefinition definition, SourceServices services, int? looksMax = null)
    {
        _looksMax = looksMax;
        Tables = definition.Tables;
        _options = definition.Options;
        _services = services;
        _log = services.Logs.CreateLogger<PostgresSource>();
        _connections = new PostgresConnections(_options, services.Secrets, services.Owner.Name, services.Waits, services.Certificates);
        _tables = new DescribedTables(_connections);
        _metrics = new PostgresMetrics(Name, Lags);
        _ownership = new CaptureOwnership(_options, services.Owner);
        _listing = new CaptureListing(_connections, _tables, _ownership, _confirmed, services);
    }

    public string Name => _options.Name;

    public IReadOnlyList<SourceTable> Tables { get; }

    public async ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken)
    {
        var described = await _tables.DescribeAsync(table, cancellationToken);
        return (_options.Mode == ReadMode.Cdc ? described.ChangeSchema : described.ChunkSchema).With(described.Equalities);
    }

    /// <summary>With change capture: also makes the publication and the slot when they are missing.</summary>
    public async ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken)
    {
        if (_options.Mode == ReadMode.Watermark)
        {
            var (split, server) = (WatermarkSplit.Of(Name, table, (await _tables.RefreshAsync(table, cancellationToken)).Oid), await ServerAsync(cancellationToken));
            return [new Split(split.Id, [table]) { Identity = split.IdentityOn(server) }];
        }

        if (_looksMax is not null) return await ListRowsAsync(table, cancellationToken);
        var listed = await _listing.OfAsync(table, cancellationToken);
        if (listed.Refused.TryGetValue(table, out var refusal)) throw refusal;
        var identity = listed.Identities[table];
        var slot = new Split(SlotSplit.Of(Name, _options.Capture.Slot, listed.System), [.. _options.Tables.Select(captured => captured.Name).Where(listed.Relations.ContainsKey)], Beginning: listed.Confirmed)
        {
            Identity = identity, Identities = listed.Identities, BeginningAnew = _options.Capture.Snapshot ? listed.End : null, Beginnings = listed.Beginnings, BeginningMarks = new SplitMarks(Note: listed.Timeline), Forms = listed.Forms,
        };
        return _options.Capture.Snapshot
            ? [slot, .. listed.Relations[table].Select(relation => new Split(SnapshotSplit.Of(Name, table, relation).Id, [table], Beginning: 0) { Identity = identity, IsSnapshot = true, Form = listed.Forms?[table] })]
            : [slot];
    }

    public async IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var queue = new ChunkQueue(_options.ReadingBytesMax);
        _metrics.Started(queue);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var readers = from.Select(position => ReadSplitAsync(position, queue, stop.Token)).ToList();
        try
        {
            await foreach (var chunk in queue.TakeAllAsync(cancellationToken))
            {
                _metrics.Read(chunk);
                TellNulled(chunk);
                yield return chunk;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(readers);
            _metrics.Stopped(queue);
        }
    }

    /// <summary>Only a slot keeps a record of its reader.</summary>
    public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken)
    {
        if (SlotSplit.Is(split)) _confirmed.Raise(position);
        return ValueTask.CompletedTask;
    }

    public SplitLook? LastLook(SplitId split) => _looks.Find(split);

    public long? EndOf(SplitId split) => _looks.EndOf(split);

    public PipelineException? DoubtOf(SplitId split) => _looks.DoubtOf(split);

    /// <summary>A slot that was made anew, or moved on by someone else, has changes behind a gap; a server that was put back, or took over, may have others.</summary>
    public async ValueTask<IReadOnlyList<SplitStanding>> LookBackAsync(IReadOnlyList<SplitPosition> left, CancellationToken cancellationToken)
    {
        var standings = new List<SplitStanding>();
        foreach (var split in left)
        {
            if (!SlotSplit.Is(split.Split))
            {
                standings.Add(SnapshotSplit.Is(split.Split) ? new SplitStanding(split.Split, Beginning: 0) : await LookBackByWatermarkAsync(split, cancellationToken));
                continue;
            }

            var slot = SlotState.Require(await _connections.UseAsync(_options.Thing, (connection, cancel) => CaptureSetup.FindSlotAsync(connection, _options, cancel), cancellationToken), _options, split.Split);
            var fault = split.Position is null ? null : await SlotHistory.FaultOfAsync(_connections, split, slot, cancellationToken);
            standings.Add(new SplitStanding(split.Split, slot.Confirmed, fault)
            {
                BeginningAnew = split.Position is null || !_options.Capture.Snapshot ? null
                    : await _connections.UseAsync(_options.Thing, (connection, cancel) => CaptureSetup.WrittenAsync(connection, _services.Time, cancel), cancellationToken),
            });
        }

        return standings;
    }

    /// <summary>What comes of a connection is of the server that it was opened to, and of the table that the reader has looked at on it.</summary>
    public ValueTask ConfirmAsync(IReadOnlyCollection<Split> read, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken) =>
        new PostgresSourceCheck(_connections, _ownership).RunAsync(cancellationToken);

    /// <summary>Reading by watermark leaves nothing.</summary>
    public ValueTask<IReadOnlyList<SourceTrace>> FindTracesAsync(CancellationToken cancellationToken) => _options.Mode == ReadMode.Watermark
        ? ValueTask.FromResult<IReadOnlyList<SourceTrace>>([])
        : _connections.UseAsync(_options.Thing, (connection, cancel) => CaptureRemoval.FindAsync(connection, _options, _ownership, cancel), cancellationToken);

    public async ValueTask RemoveTracesAsync(CancellationToken cancellationToken)
    {
        if (_options.Mode == ReadMode.Watermark) return;
        await _connections.UseAsync(_options.Thing, async (connection, cancel) =>
        {
            await CaptureRemoval.RemoveAsync(connection, _options, _ownership, cancel);
            return true;
        }, cancellationToken);
    }

    public async ValueTask<IReadOnlyList<SplitPart>> LocateAsync(string table, string from, string? to, CancellationToken cancellationToken)
    {
        var thing = $"{_options.Thing}, table {table}";
        if (_options.Mode != ReadMode.Watermark)
            throw new PipelineException(FaultKind.Invalid, thing, "its changes are captured: a place in their log is no part of the table", "Read all of it again: --full.");
        var described = await _tables.RefreshAsync(table, cancellationToken);
        var watermark = WatermarkColumn.Find(described, _tables.OptionsOf(table).Watermark, thing);
        return [new SplitPart(WatermarkSplit.Of(Name, table, described.Oid).Id, PositionOf(from), to is null ? null : PositionOf(to))];

        long PositionOf(string text) => WatermarkPlace.Parse(text, watermark.IsTimestamp, watermark.HasZone, thing) is var position && position >= watermark.Beginning ? position
            : throw new PipelineException(FaultKind.Invalid, thing, $"'{text}' is before 1970, and rows of such times have no order among each other", "Read all of it again: --full; or begin at 1970-01-01, which has all of them with it.");
    }

    public ValueTask DisposeAsync()
    {
        _metrics.Dispose();
        return _connections.DisposeAsync();
    }

    /// <summary>The rows that a table has now, without any slot.</summary>
    private async ValueTask<IReadOnlyList<Split>> ListRowsAsync(string table, CancellationToken cancellationToken)
    {
        var described = new Dictionary<string, PostgresTable>(StringComparer.Ordinal) { [table] = await _tables.RefreshAsync(table, cancellationToken) };
        var relations = await _connections.UseAsync(_options.Thing, (connection, cancel) => CaptureSetup.StoredRelationsAsync(connection, described, cancel), cancellationToken);
        return [.. relations[table].Select(relation => new Split(SnapshotSplit.Of(Name, table, relation).Id, [table], Beginning: 0) { IsSnapshot = true })];
    }

    /// <summary>From where on the stream has what a snapshot has not. Without the slot, changes beside it would be lost, which is nothing to somebody who only looks.</summary>
    private async ValueTask<long> PlaceAsync(NpgsqlConnection connection, SplitId split, CancellationToken cancellationToken) => _looksMax is null
        ? SlotState.Require(await CaptureSetup.FindSlotAsync(connection, _options, cancellationToken), _options, split).Confirmed
        : await CaptureSetup.WrittenAsync(connection, _services.Time, cancellationToken);

    /// <summary>Said once a column.</summary>
    private void TellNulled(Chunk chunk)
    {
        foreach (var column in chunk.Nulled?.Keys ?? [])
            if (_nulled.TryAdd((chunk.Table, column), 0)) _log.ValuesNulled(Name, chunk.Table, column);
    }

    private async Task ReadSplitAsync(SplitPosition from, ChunkQueue queue, CancellationToken cancellationToken)
    {
        try
        {
            await (SlotSplit.Is(from.Split) ? new SlotCapture(_connections, from, _tables, [.. _options.Tables.Where(table => from.Tables?.ContainsKey(table.Name) ?? !_listing.Refused.ContainsKey(table.Name))], _confirmed, queue, _looks, _metrics, _services).RunAsync(cancellationToken)
                : SnapshotSplit.Is(from.Split) ? new SnapshotReader(_connections, SnapshotSplit.Parse(from.Split), from, _tables, queue, _looks, _metrics, _services, (connection, cancel) => PlaceAsync(connection, from.Split, cancel)).RunAsync(cancellationToken)
                : ReadByWatermarkAsync(from, queue, cancellationToken));
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Whatever a cancelled read ends with, its consumer has left.
        }
        catch (PipelineException e) when (e is { Kind: FaultKind.Damaged, Split: null })
        {
            // The other splits' connections bring what they brought.
            queue.Complete(new PipelineException(e.Kind, $"{_options.Thing}, split {from.Split.Name}", e.Cause, e.NextStep, e) { Split = from.Split });
        }
        catch (Exception e)
        {
            if (e is PipelineException { Kind: FaultKind.Gap }) _metrics.Gap(TablesOf(from.Split));
            if (e is PipelineException { Anew.Count: > 0 }) _listing.TakeEndAnew();
            queue.Complete(e);
        }
        finally
        {
            // The snapshot of a table ends, and stays read.
            if (!SnapshotSplit.Is(from.Split) || cancellationToken.IsCancellationRequested) _looks.Forget(from.Split);
        }
    }

    /// <summary>Asked for each time: an address may be another server's by now.</summary>
    private ValueTask<string> ServerAsync(CancellationToken cancellationToken) => _connections.UseAsync(_options.Thing, CaptureSetup.TrySystemIdentifierAsync, cancellationToken);

    private async ValueTask<SplitStanding> LookBackByWatermarkAsync(SplitPosition left, CancellationToken cancellationToken)
    {
        var split = WatermarkSplit.Parse(left.Split);
        var server = new WatermarkServer(split, left.Identity);
        if (server.IsKnown && server.FaultOf(await ServerAsync(cancellationToken), _options.Thing) is { } other) return new SplitStanding(left.Split, Beginning: null, other);
        return new SplitStanding(left.Split, Beginning: null)
        {
            Doubt = left.Marks.Note is { } newest ? await FallenTimes.FindAsync(_connections, _tables.OptionsOf(split.Table), split, newest, $"{_options.Thing}, table {split.Table}", cancellationToken) : null,
        };
    }

    private IEnumerable<string> TablesOf(SplitId split) => SlotSplit.Is(split) ? _options.Tables.Select(table => table.Name)
        : [SnapshotSplit.Is(split) ? SnapshotSplit.Parse(split).Table : WatermarkSplit.Parse(split).Table];

    /// <summary>A table with a slot and a snapshot is as far as the one that is behind.</summary>
    private IEnumerable<(string Table, TimeSpan Age)> Lags() => _looks.Ages(_services.Time)
        .SelectMany(look => TablesOf(look.Split).Select(table => (Table: table, look.Age)))
        .GroupBy(look => look.Table, (table, looks) => (table, looks.Max(look => look.Age)), StringComparer.Ordinal);

    private Task ReadByWatermarkAsync(SplitPosition from, ChunkQueue queue, CancellationToken cancellationToken)
    {
        var split = WatermarkSplit.Parse(from.Split);
        return new WatermarkReader(_connections, _tables.OptionsOf(split.Table), new WatermarkServer(split, from.Identity), from, _tables, queue, _looks, _services, _looksMax).RunAsync(cancellationToken);
    }
}
