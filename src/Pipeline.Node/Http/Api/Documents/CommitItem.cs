using Pipeline.Operations.Tables;

namespace Pipeline.Node.Http.Api.Documents;

/// <summary>A commit as its writer described it; what it did not say is null or empty.</summary>
/// <param name="Engine">What has executed the run that made it; null: no run has.</param>
internal sealed record CommitItem(long Version, DateTimeOffset? CommittedAt, string? Operation, string? Engine, string? Why, IReadOnlyDictionary<string, string> Parameters, IReadOnlyDictionary<string, string> Metrics)
{
    public static CommitItem Of(TableCommit commit) => new(commit.Version, commit.CommittedAt, commit.Operation, commit.Engine, commit.EngineWhy, commit.Parameters, commit.Metrics);
}
