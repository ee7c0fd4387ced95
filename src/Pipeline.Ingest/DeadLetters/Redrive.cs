using System.Collections.Immutable;
using System.Globalization;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.DeadLetters;

/// <summary>
/// An operator's order to decode dead letters of a table again, as its source is configured now. What can be decoded
/// enters the Bronze table once, marked by <see cref="BronzeColumns.RedrivenFrom"/>, as the operation <see cref="Operation"/>.
/// </summary>
/// <remarks>
/// Redrives of a table are numbered by the txn <see cref="AppId"/>. A commit moves the number by one and was made from a
/// version that had the number before: between the two no other redrive has entered anything, so what that version holds
/// is all there is. Safe beside a running pipeline, beside compaction and beside other redrives, whenever it is cut off.
/// No split's position moves.
/// </remarks>
public sealed class Redrive
{
    public const string Operation = "REDRIVE";

    public const string AppId = "redrive";

    /// <summary>Bytes of letters that are in memory and in one commit; one letter may be larger.</summary>
    private const long BatchBytesMax = 8L << 20;

    /// <summary>Races lost to other redrives, each of which enters a batch meanwhile.</summary>
    private static readonly RetryPolicy Races = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(10), BackoffMax = TimeSpan.FromSeconds(1), Jitter = 1, AttemptsMax = 100,
    };

    private readonly BronzeTable _bronze;
    private readonly IRedriveSource _source;
    private readonly IngestOptions _options;
    private readonly TimeProvider _time;

    private Redrive(BronzeTable bronze, IRedriveSource source, IngestOptions options, TimeProvider time)
    {
        _bronze = bronze;
        _source = source;
        _options = options;
        _time = time;
    }

    /// <summary>Re-drives the selected letters of a table, batch by batch; those before an error have entered.</summary>
    /// <param name="isDryRun">Only find out what would become of each.</param>
    /// <exception cref="PipelineException">
    /// The table does not exist or does not take rows as the source decodes them now; or the lake or the source's schema
    /// registry does not answer.
    /// </exception>
    public static async Task<RedriveReport> RunAsync(Lake lake, IRedriveSource source, TableId table, LetterSelection selection, bool isDryRun,
        IngestOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(table, cancellationToken) is not { } known)
            throw new PipelineException(FaultKind.Missing, $"Table {table}", $"the lake {lake.Store.Location} has no such table", "See 'pipeline tables' for those it has.");
        var report = new RedriveReport();
        if (await lake.TryOpenAsync(TableId.DeadLetter(source.Name), cancellationToken) is not { } letters) return report;

        var described = await source.DescribeAsync(table.Name, cancellationToken);
        if (!source.Tables.First(configured => configured.Name == table.Name).PositionsNameRecords && BronzeShape.Of(described).Identifying.Count == 0)
            throw new PipelineException(FaultKind.Invalid, $"Table {table}", "its records cannot be told from each other, so that one could enter twice", "Set 'key' of the table in its source to the columns that tell them.");
        var schema = new Schema([.. described.FieldsList, BronzeColumns.RedrivenFromField], null);
        known.SchemaWith(BronzeColumns.TableSchema(schema));
        var redrive = new Redrive(await BronzeTable.OpenAsync(lake, table, schema, cancellationToken), source, options, time);
        var (batch, bytes) = (new List<DeadLetter>(), 0L);
        await foreach (var letter in LetterReader.ReadAsync(letters, table, selection, cancellationToken))
        {
            batch.Add(letter);
            bytes += letter.Bytes;
            if (bytes < BatchBytesMax) continue;
            report.Add(await redrive.RunAsync(batch, selection, isDryRun, cancellationToken));
            (batch, bytes) = ([], 0);
        }

        if (batch.Count > 0) report.Add(await redrive.RunAsync(batch, selection, isDryRun, cancellationToken));
        return report;
    }

    /// <summary>Decides and commits until no other redrive came between.</summary>
    private async Task<IReadOnlyList<LetterOutcome>> RunAsync(IReadOnlyList<DeadLetter> letters, LetterSelection selection, bool isDryRun, CancellationToken cancellationToken) =>
        await Races.RunAsync(_time, cancel => TryAsync(letters, selection, isDryRun, cancel), cancellationToken, isAgain: outcomes => outcomes is null, isTransient: _ => false)
        ?? throw new PipelineException(FaultKind.Unreachable, $"Table {_bronze.Id}", $"other redrives came first {Races.AttemptsMax} times", "Wait for them to end, then run it again.");

    /// <summary>Null: another redrive came between.</summary>
    private async ValueTask<IReadOnlyList<LetterOutcome>?> TryAsync(IReadOnlyList<DeadLetter> letters, LetterSelection selection, bool isDryRun, CancellationToken cancellationToken)
    {
        var snapshot = await _bronze.Delta.RefreshAsync(cancellationToken);
        var bronze = letters.SelectMany(letter => Streams.BronzeRows.ColumnsOf(letter.Rows)).Aggregate(_bronze, (table, column) => table.With(column));
        await using var batch = new RedriveBatch(bronze, snapshot, _source, _options, _time);
        await batch.DecideAsync(letters, isDryRun, cancellationToken);
        if (await batch.CompleteAsync(cancellationToken) is not { } file) return batch.Outcomes;

        KillPoint.Reach(KillPoint.BeforeLogEntry);
        var result = await _bronze.Delta.CommitAsync(TransactionOf(bronze, file, snapshot.Position(AppId), batch.Rows, selection), cancellationToken);
        KillPoint.Reach(KillPoint.AfterLogEntry);
        if (result is CommitResult.Committed) return batch.Outcomes;
        // Refused by the log itself: the file can never become part of the table.
        await Streams.OpenFiles.DeleteAsync(file.Path, bronze);
        return null;
    }

    private static Transaction TransactionOf(BronzeTable bronze, StagedFile file, long? number, long rows, LetterSelection selection) => new(Operation, Isolation.BlindAppend)
    {
        Adds = [file.ToAdd()],
        Moves = [MoveFrom(number)],
        Counts = [new TxnCount(RowCounts.Added, rows)],
        Schema = bronze.AddedSchema is { } ipc ? BronzeTable.FromIpc(ipc) : null,
        Parameters = ParametersOf(selection),
        Metrics = ImmutableDictionary<string, string>.Empty
            .Add("numFiles", "1")
            .Add("numOutputRows", rows.ToString(CultureInfo.InvariantCulture))
            .Add("numOutputBytes", file.Size.ToString(CultureInfo.InvariantCulture)),
    };

    /// <summary>The move that a redrive makes which was decided from a version of this number.</summary>
    internal static TxnMove MoveFrom(long? number) => new(AppId, number, (number ?? 0) + 1);

    private static ImmutableDictionary<string, string> ParametersOf(LetterSelection selection)
    {
        var parameters = ImmutableDictionary<string, string>.Empty.Add("mode", "Append");
        if (selection.Code is { } code) parameters = parameters.Add("code", code);
        if (selection.Split is { } split) parameters = parameters.Add("split", split);
        if (selection.Epoch is { } epoch) parameters = parameters.Add("epoch", epoch.ToString(CultureInfo.InvariantCulture));
        return selection.Position is { } position ? parameters.Add("position", position.ToString(CultureInfo.InvariantCulture)) : parameters;
    }
}
