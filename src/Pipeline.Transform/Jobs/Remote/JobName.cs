using System.Globalization;
using Pipeline.Core;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>
/// One execution of a run, as an engine elsewhere calls it: drawn and kept before it is submitted, so that it is found again by
/// whoever runs the run next, whatever was lost.
/// </summary>
/// <param name="LakeId">What tells one lake from another.</param>
/// <param name="Execution">Letters and digits, of this execution alone.</param>
public sealed record JobName(string Pipeline, string LakeId, TableId Table, long Run, string Execution)
{
    /// <summary>What the names of all executions of the run begin with.</summary>
    public string RunPrefix => $"{Pipeline}-{LakeId}/{Table}/{Run.ToString(CultureInfo.InvariantCulture)}/";

    /// <summary>The execution that a name of this run stands for; null: it is no name of this run.</summary>
    public string? ExecutionOf(string? name) =>
        name is not null && name.StartsWith(RunPrefix, StringComparison.Ordinal) && name[RunPrefix.Length..] is { Length: > 0 } execution && execution.All(char.IsAsciiLetterOrDigit) ? execution : null;

    public override string ToString() => RunPrefix + Execution;
}
