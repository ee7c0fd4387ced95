using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Ingest;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Sources;

/// <param name="Table">A table of Bronze.</param>
/// <param name="AcceptsGaps">Gives the lost records up; otherwise they are only looked at.</param>
public sealed record ResumeTableRequest(TableId Table, bool AcceptsGaps)
{
    /// <summary>Who decides.</summary>
    public string Who { get; init; } = "";

    /// <summary>Why; null: nobody has said.</summary>
    public string? Why { get; init; }
}

/// <param name="Gaps">What the table and its source do not have in common.</param>
/// <param name="AreAccepted">Whether the table goes on all the same: behind what is lost, or with what is there now in a new epoch.</param>
public sealed record ResumeTableResult(IReadOnlyList<SplitGap> Gaps, bool AreAccepted);

/// <summary>Records that a table and its source do not have in common, and the decision to go on all the same.</summary>
public static class ResumeTable
{
    /// <exception cref="PipelineException">No configured source feeds the table; it cannot be reached; a split has moved meanwhile.</exception>
    public static async Task<ResumeTableResult> RunAsync(ResumeTableRequest request, PipelineOptions options, SourceServices services, Lake lake, CancellationToken cancellationToken)
    {
        await using var sources = OpenSources.Open(options.Sources.Where(source => source.Name == request.Table.Source), services);
        if (sources.FirstOrDefault(source => source.Tables.Any(known => known.Name == request.Table.Name)) is not { } source)
            throw new PipelineException(FaultKind.Missing, $"Table {request.Table}", "no configured source feeds it",
                "Name a table of a configured source: bronze/SOURCE/TABLE.");

        var gaps = await GapAcceptance.FindAsync(lake, source, request.Table, cancellationToken);
        if (request.AcceptsGaps)
        {
            await GapAcceptance.AcceptAsync(lake, request.Table, gaps, services.Time, cancellationToken);
            // A pipeline that runs looks again at what was halted when it finds this.
            using var control = LakeControl.Of(options, lake, sources, services.Time);
            if (gaps.Count > 0) await control.RecordGapAsync(request.Table, request.Who, request.Why ?? "its gaps were looked at and accepted", cancellationToken);
        }

        return new ResumeTableResult(gaps, request.AcceptsGaps);
    }
}
