using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Decoding;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Reads a slot: opens its stream, keeps the server informed, and looks up what the stream tells of tables.</summary>
internal sealed class SlotCapture(PostgresConnections connections, SplitPosition from, DescribedTables described, IReadOnlyList<PostgresTableOptions> captured, ConfirmedPosition confirmed, ChunkQueue queue, SplitLooks looks, PostgresMetrics metrics,
    SourceServices services)
{
    private static readonly TimeSpan ConfirmInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ReadsOn = TimeSpan.FromSeconds(1);

    private readonly PostgresSourceOptions _options = connections.Options;

    /// <summary>How a state that passes by itself is waited out.</summary>
    private readonly RetryPolicy _passing = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(50), BackoffMax = TimeSpan.FromMilliseconds(500), TimeMax = connections.Options.ConnectTimeout,
    };

    private readonly CommittedTransactions _committed = new(connections, services);
    private readonly AskedEnd _end = new();
    private readonly TimeSpan _reportInterval = connections.Options.Capture.HeartbeatInterval / 2;
    private readonly ILogger _log = services.Logs.CreateLogger<SlotCapture>();

    /// <summary>As whoever reads was told of them: others may have asked since.</summary>
    private readonly Dictionary<string, PostgresTable> _told = new(StringComparer.Ordinal);

    /// <summary>Tables of which values are missing, told once.</summary>
    private readonly HashSet<string> _lacking = new(StringComparer.Ordinal);

    private bool _isBinary;
    private int? _timeline;
    private long _reached;
    private volatile Exception? _seen;
    private volatile Exception? _unreported;

    private string Thing => $"Source {_options.Name}, slot {_options.Capture.Slot}";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (var table in captured) _told[table.Name] = await described.GetAsync(table.Name, cancellationToken);
        confirmed.Release();
        var watch = new SlotWatch(connections, from.Split, _end, looks, metrics, services);
        var slot = watch.Accept(await WaitWhileAsync(watch, state => state.IsActive, cancellationToken));
        var start = StartOf(slot);
        (_timeline, _reached) = (slot.Timeline, start);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watching = WatchAsync(watch, stop);
        try
        {
            await ReadAsync(start, slot, stop.Token);
        }
        catch (Exception) when (_seen is not null)
        {
            ExceptionDispatchInfo.Throw(_seen);
        }
        catch (PipelineException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UndefinedObject, Routine: "get_publication_oid" })
        {
            throw PublicationDropped(e);
        }
        catch (PipelineException e) when (e.IsTransient && !cancellationToken.IsCancellationRequested)
        {
            // A server that ends the stream of an unreserved slot does so to remove its WAL, a moment later.
            if (e.InnerException is PostgresException) await WaitWhileAsync(watch, slot => slot.IsActive || slot.Health == SlotHealth.Unreserved, cancellationToken);
            await watch.TryLookAsync(cancellationToken);
            throw;
        }
        finally
        {
            await stop.CancelAsync();
            await watching;
            metrics.Seen(null);
        }
    }

    /// <summary>
    /// The server reads its log with the publication as it was when each change was made. With snapshots all tables that stand there begin
    /// anew behind all that, also those of which nobody knows another history; without, what lies between is lost.
    /// </summary>
    private PipelineException PublicationDropped(PipelineException cause)
    {
        var said = $"publication {_options.Capture.Publication} was not there for a while, and the server cannot decode what was changed until it was made";
        return _options.Capture.Snapshot
            ? new PipelineException(FaultKind.Unreachable, Thing, said, "It is made again, and the tables begin anew with a snapshot; where the role may not make it, 'pipeline check' prints the SQL.", cause) { Anew = [.. captured.Select(table => new TableAnew(table.Name, _reached))] }
            : new PipelineException(FaultKind.Gap, Thing, said,
                $"Make the publication again ('pipeline check' prints the SQL) and the slot too, which goes on behind it: {CaptureSetup.DropSlotSql(_options)} Then accept what is missing: ./pipeline resume TABLE --accept-gap, for each table.", cause) { Split = from.Split };
    }

    /// <summary>What a watch sees ends the reading.</summary>
    private async Task WatchAsync(SlotWatch watch, CancellationTokenSource stop)
    {
        _seen = await Background.FailureAsync(async cancel => await watch.RunAsync(cancel), stop.Token);
        if (_seen is not null) await stop.CancelAsync();
    }

    private async Task ReadAsync(long start, SlotState slot, CancellationToken cancellationToken)
    {
        WireConnection? opened = null;
        await connections.TranslateAsync(Thing, async () => opened = await connections.OpenWireAsync(replication: true, cancellationToken), cancellationToken);
        using var wire = opened!;
        using var wait = connections.WatchSilence(Thing, wire);
        var stream = new ReplicationStream(wire, services.Time);
        var proof = new LogProof(_options, from, slot);
        using var reader = new SlotReader(stream, from.Split, start, _options with { Tables = captured }, queue, looks, _end, services.Time, from.Marks with { Note = _timeline }, proof);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var cancellation = stop.Token.Register(wire.Abort);
        await connections.TranslateAsync(Thing, async () =>
        {
            _isBinary = !described.IsTextNeeded && _told.Values.SelectMany(table => table.Columns).All(column => ColumnType.Of(column).IsBinary);
            await OnThreadAsync(() => stream.Start(_options.Capture.Slot, _options.Capture.Publication, Math.Min(proof.From ?? start, start), _isBinary, proof.IsOpen ? slot.Confirmed : start));
            var reporting = ReportAsync(stream, proof, start, stop);
            try
            {
                while (true)
                {
                    RelationMessage? relation = null;
                    await OnThreadAsync(() => relation = reader.ReadToRelation(stop.Token));
                    if (relation is null)
                    {
                        foreach (var table in reader.Moved.ToList()) await FillAsync(reader, table, stop.Token);
                        continue;
                    }

                    var place = PlaceOf(relation, start);
                    reader.UseUntil(relation, await TableOfAsync(relation, reader.Transaction, reader.CommitPosition, place, stop.Token), place > reader.CommitPosition ? place : null, stop.Token);
                }
            }
            catch (Exception reading) when (_unreported is not null && reading is not PostgresException)
            {
                ExceptionDispatchInfo.Throw(_unreported);
            }
            finally
            {
                _reached = reader.Reached;
                await stop.CancelAsync();
                await reporting;
            }
        }, cancellationToken);
    }

    /// <summary>Gives a state that passes by itself time to: a slot's former reader, cut off a moment ago, may not have left yet.</summary>
    private Task<SlotState?> WaitWhileAsync(SlotWatch watch, Func<SlotState, bool> isPassing, CancellationToken cancellationToken) =>
        _passing.RunAsync(services.Time, watch.FindAsync, cancellationToken, isAgain: slot => slot is not null && isPassing(slot), isTransient: _ => false);

    /// <exception cref="PipelineException">Changes between the position and what the slot still has are gone.</exception>
    private long StartOf(SlotState slot)
    {
        if (SlotHistory.FaultOf(_options, from, slot) is { } fault) throw fault;
        return from.Position ?? slot.Confirmed;
    }

    private PostgresTableOptions? CapturedOf(RelationMessage relation) => captured.FirstOrDefault(candidate => _told[candidate.Name].Oid == relation.Oid);

    /// <summary>Before it no row of the table enters the lake.</summary>
    private long PlaceOf(RelationMessage relation, long start) => Math.Max(start, CapturedOf(relation) is { } table ? from.Tables?.GetValueOrDefault(table.Name) ?? start : start);

    /// <summary>
    /// How to read a table as the stream describes it from here on; null when it is none of ours. The stream tells of the time when a row
    /// was written, the catalog of now: names and types are the stream's.
    /// </summary>
    /// <param name="transaction">Of the rows that follow.</param>
    /// <param name="position">Theirs.</param>
    /// <param name="place">Where the table stands.</param>
    private async ValueTask<CapturedTable?> TableOfAsync(RelationMessage relation, uint transaction, long position, long place, CancellationToken cancellationToken)
    {
        if (CapturedOf(relation) is not { } options) return null;
        var (name, table) = (options.Name, _told[options.Name]);
        // Rows from before a table's beginning do not enter it, whatever their columns were.
        var isBefore = place > position;
        var thing = $"Source {_options.Name}, table {name}";
        // It may have changed the table, or made a type of its columns.
        await _committed.WaitAsync(thing, transaction, cancellationToken);
        var columns = await connections.UseAsync(thing, (connection, cancel) => CatalogReader.ResolveAsync(connection, relation.Columns, cancel), cancellationToken);
        var key = options.Key is { Count: > 0 } configured ? configured : table.PrimaryKey;

        var columnOf = new int[relation.Columns.Count];
        var written = table.Columns.ToArray();
        for (var i = 0; i < columnOf.Length; i++)
        {
            var streamed = columns[i];
            columnOf[i] = table.IndexOf(streamed.Name);
            if (columnOf[i] < 0 && options.Omit.Contains(streamed.Name, StringComparer.Ordinal)) continue;
            if (columnOf[i] < 0 && isBefore) continue;
            if (columnOf[i] < 0)
            {
                await OnUnknownColumnAsync(name, streamed, thing, cancellationToken);
                continue;
            }

            var known = table.Columns[columnOf[i]];
            if (SameType(ColumnType.Of(known).Arrow, ColumnType.Of(streamed).Arrow))
            {
                RequireForm(streamed, thing);
                written[columnOf[i]] = streamed with { LakeName = known.LakeName };
                continue;
            }

            // Described anew, the table has the type that the column has now; whether the lake takes that is for the lake to say.
            if (!isBefore && !await HasTypeAgainAsync(name, known, cancellationToken)) throw DescribedTables.Changed(thing, $"column {streamed.Name} is of type {streamed.TypeText}, and was {known.TypeText}");
            var again = $"column {streamed.Name} was {streamed.TypeText} for a while, and is {known.TypeText} again";
            if (!isBefore && _options.Capture.Snapshot) throw new PipelineException(FaultKind.Unreachable, thing, again, "The table begins anew, with a snapshot.") { Anew = [new TableAnew(name, position)] };
            if (!isBefore && key.Contains(known.Name, StringComparer.Ordinal))
                throw new PipelineException(FaultKind.Invalid, thing, $"{again}: rows from between have no key", "Read the table under another name, or capture it with snapshots.") { Split = from.Split };
            if (!isBefore) _log.ValuesLeftOut(name, known.Name, streamed.TypeText);
            columnOf[i] = RowChunkBuilder.Unreadable;
        }

        if (!isBefore && _options.Capture.SchemaChanges == SchemaChanges.Fail && table.Columns.FirstOrDefault(column => !column.IsGenerated && relation.Columns.All(streamed => streamed.Name != column.Name)) is { } dropped)
            throw SchemaChanged(thing, $"column {dropped.Name} is not in the stream");
        return new CapturedTable(name, table.WithColumns(written), columnOf, [.. relation.Columns.Select(column => key.Contains(column.Name, StringComparer.Ordinal))]);
    }

    /// <summary>What rows under another key lack is asked of the table.</summary>
    private async ValueTask FillAsync(SlotReader reader, CapturedTable table, CancellationToken cancellationToken)
    {
        var thing = $"Source {_options.Name}, table {table.Name}";
        await _committed.WaitAsync(thing, reader.Transaction, cancellationToken);
        // How large they are nobody knows: what the server has begun to send is waited for, so few are asked for at first.
        var atATime = 1;
        while (table.Moved.Count > 0)
        {
            List<MovedRow> rows = [.. table.Moved.Take(atATime)];
            IReadOnlyList<IReadOnlyList<string?>?>? values = null;
            try
            {
                values = await connections.UseBesideAsync(thing, (connection, cancel) => MovedRows.ReadAsync(connection, table.Definition, rows, _options.ChunkBytesMax, cancel), cancellationToken);
                atATime = values.Count < rows.Count ? values.Count : Math.Min(2 * atATime, MovedRows.AtATime);
            }
            catch (Exception e) when (e is InvalidDataException || (e is PipelineException { IsTransient: false } && !cancellationToken.IsCancellationRequested))
            {
                metrics.Unknown(table.Name, rows.Sum(row => row.Missing.Count));
                if (_lacking.Add(table.Name)) _log.ValuesUnknown(thing, (e as PipelineException)?.Cause ?? e.Message, $"ALTER TABLE {table.Definition.QualifiedName} REPLICA IDENTITY FULL;");
            }

            reader.Fill(table, values?.Count ?? rows.Count, values, cancellationToken);
        }
    }

    /// <summary>A stream sends all types in one form, chosen when it starts.</summary>
    private void RequireForm(PostgresColumn streamed, string thing)
    {
        if (!_isBinary || ColumnType.Of(streamed).IsBinary) return;
        described.NeedText();
        throw DescribedTables.Changed(thing, $"column {streamed.Name} is of type {streamed.TypeText}");
    }

    private async ValueTask OnUnknownColumnAsync(string table, PostgresColumn column, string thing, CancellationToken cancellationToken)
    {
        switch (_options.Capture.SchemaChanges)
        {
            case SchemaChanges.Fail:
                throw SchemaChanged(thing, $"column {column.Name} is new");
            case SchemaChanges.Freeze:
                _log.ColumnLeftOut(table, column.Name);
                return;
        }

        // One that was dropped or renamed since is still one of what was written then.
        var now = await described.RefreshAsync(table, cancellationToken);
        if (now.IndexOf(column.Name) < 0) described.Remember(table, column);
        throw DescribedTables.Changed(thing, $"column {column.Name} is new");
    }

    /// <summary>What the stream still holds of the time between could otherwise never be passed.</summary>
    private async ValueTask<bool> HasTypeAgainAsync(string table, PostgresColumn known, CancellationToken cancellationToken)
    {
        var now = await described.RefreshAsync(table, cancellationToken);
        return now.IndexOf(known.Name) is var index and >= 0 && SameType(ColumnType.Of(known).Arrow, ColumnType.Of(now.Columns[index]).Arrow);
    }

    private PipelineException SchemaChanged(string thing, string cause) =>
        new(FaultKind.Invalid, thing, cause, "Set capture.schema-changes to evolve or freeze, or undo the change.") { Split = from.Split };

    private static bool SameType(Apache.Arrow.Types.IArrowType left, Apache.Arrow.Types.IArrowType right) => (left, right) switch
    {
        (Apache.Arrow.Types.Decimal128Type a, Apache.Arrow.Types.Decimal128Type b) => a.Precision == b.Precision && a.Scale == b.Scale,
        _ => left.TypeId == right.TypeId,
    };

    /// <summary>Tells the server how far the lake is. When that is no longer possible the reading ends too: the server keeps what it is not told of.</summary>
    private async Task ReportAsync(ReplicationStream stream, LogProof proof, long start, CancellationTokenSource stop)
    {
        _unreported = await Background.FailureAsync(cancel => ReportAsync(stream, proof, start, cancel), stop.Token);
        if (_unreported is null) return;
        // Of a connection that is gone the reading side usually knows the reason.
        await Task.Delay(ReadsOn, services.Time, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await stop.CancelAsync();
    }

    private async ValueTask ReportAsync(ReplicationStream stream, LogProof proof, long start, CancellationToken cancellationToken)
    {
        var reported = services.Time.GetTimestamp();
        using var timer = new PeriodicTimer(ConfirmInterval, services.Time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            // A server whose log may be another one's is told of nothing that it has not confirmed.
            if (!proof.IsOpen) confirmed.Raise(start);
            if (!stream.Confirm(proof.IsOpen ? 0 : confirmed.Value) && services.Time.GetElapsedTime(reported) < _reportInterval) continue;
            stream.Report(asksForReply: true);
            reported = services.Time.GetTimestamp();
        }
    }

    private static Task OnThreadAsync(Action work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}

/// <summary>How far the lake has made a slot's changes durable; written by acknowledgements, read by the stream.</summary>
internal sealed class ConfirmedPosition
{
    private long _value;

    private long _heldAt = long.MaxValue;

    public long Value => Volatile.Read(ref _value);

    /// <summary>Is raised no further until <see cref="Release"/>.</summary>
    /// <returns>Where it is held: there, or where it has come meanwhile.</returns>
    public long HoldAt(long position)
    {
        Volatile.Write(ref _heldAt, position);
        return Math.Max(position, Value);
    }

    public void Release() => Volatile.Write(ref _heldAt, long.MaxValue);

    public void Raise(long position)
    {
        position = Math.Min(position, Volatile.Read(ref _heldAt));
        long seen;
        while ((seen = Value) < position && Interlocked.CompareExchange(ref _value, position, seen) != seen)
        {
            // Another acknowledgement came in between.
        }
    }
}
