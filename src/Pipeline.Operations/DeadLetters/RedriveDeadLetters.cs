using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;

namespace Pipeline.Operations.DeadLetters;

/// <param name="Table">A table of Bronze.</param>
/// <param name="IsDryRun">Changes nothing and says what would become of each.</param>
public sealed record RedriveDeadLettersRequest(TableId Table, LetterSelection Selection, bool IsDryRun);

/// <summary>Decodes dead letters again, as the source is configured now; what can be decoded enters the table once.</summary>
public static class RedriveDeadLetters
{
    /// <exception cref="PipelineException">No source that can decode dead letters feeds the table; something needed for it does not answer.</exception>
    public static async Task<RedriveReport> RunAsync(RedriveDeadLettersRequest request, PipelineOptions options, SourceServices services, Lake lake, CancellationToken cancellationToken)
    {
        await using var sources = OpenSources.Open(options.Sources.Where(source => source.Name == request.Table.Source), services);
        if (sources.OfType<IRedriveSource>().FirstOrDefault(source => source.Tables.Any(known => known.Name == request.Table.Name)) is not { } source)
            throw new PipelineException(FaultKind.Missing, $"Table {request.Table}", "no configured source that can decode dead letters feeds it", "Name a table of Kafka or Snowflake: bronze/SOURCE/TABLE.");

        return await Redrive.RunAsync(lake, source, request.Table, request.Selection, request.IsDryRun, options.Ingest, services.Time, cancellationToken);
    }
}
