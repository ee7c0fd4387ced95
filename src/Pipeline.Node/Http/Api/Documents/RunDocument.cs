using Pipeline.Core;
using Pipeline.Operations.Tables;
using Pipeline.Transform.Jobs;

namespace Pipeline.Node.Http.Api.Documents;

/// <summary>A run of a Silver or Gold table.</summary>
/// <param name="Run">As people and logs call it: <c>silver/users#12</c>.</param>
/// <param name="State"><c>done</c>, <c>unfinished</c>, <c>running</c>, <c>retrying</c>, <c>halted</c>.</param>
/// <param name="RequestedAt">When it was decided; null: it has failed, and is planned anew.</param>
/// <param name="CommittedAt">Null: it has committed nothing.</param>
/// <param name="Version">That it made.</param>
/// <param name="Attempts">This one, and those that failed before it since the last run that succeeded.</param>
/// <param name="FailingSince">When the first of those failed; null: none did.</param>
/// <param name="Fault">Why the last attempt failed.</param>
/// <param name="Node">Which executes it, or has it executed; null: none does now.</param>
/// <param name="Log">Where the service that has executed it keeps its log; null: a node's own log has it.</param>
/// <param name="Inputs">What it reads.</param>
/// <param name="Targets">What it writes.</param>
/// <param name="Statements">What it computes; null: they are not kept, or no longer.</param>
internal sealed record RunDocument(int SchemaVersion, string Run, TableId Table, string State, DateTimeOffset? RequestedAt, DateTimeOffset? CommittedAt, long? Version, string Engine, string? EngineWhy, int Attempts, DateTimeOffset? FailingSince,
    WorkFault? Fault, string? Node, string? Log, IReadOnlyList<RunInputItem> Inputs, IReadOnlyList<RunTargetItem> Targets, RunStatementsItem? Statements, IReadOnlyDictionary<string, string> Metrics)
{
    public static RunDocument Of(ShowRunResult shown) => new(ApiJson.SchemaVersion, shown.Run.ToString(), shown.Run.Table, ApiCodes.Of(shown.State), shown.Pins?.RequestedAt, shown.CommittedAt, shown.Version, shown.Engine, shown.Pins?.EngineWhy,
        shown.Attempts, shown.FailingSince, WorkFault.Of(shown.Fault), shown.Node, shown.Log, [.. (shown.Pins?.Inputs ?? []).Select(input => new RunInputItem(input.Table, input.After, input.Version))],
        [.. (shown.Pins?.Targets ?? []).Select(target => new RunTargetItem(target.Table, target.Version))], RunStatementsItem.Of(shown.Statements), shown.Metrics);
}

/// <param name="After">The version that the run before has read; null: none.</param>
internal sealed record RunInputItem(TableId Table, long? After, long Version);

/// <param name="Version">From which it goes on; null: the table was not there.</param>
internal sealed record RunTargetItem(TableId Table, long? Version);

/// <param name="Place">Where they lie.</param>
/// <param name="Dialect">Whose SQL they are.</param>
/// <param name="Sql">By name: <c>query</c> of Gold; <c>checked</c> and <c>latest</c> of Silver.</param>
internal sealed record RunStatementsItem(string Place, string Dialect, IReadOnlyDictionary<string, string> Sql)
{
    public static RunStatementsItem? Of(KeptStatements? kept) => kept is null ? null : new(kept.Place, kept.Dialect, kept.Sql);
}
