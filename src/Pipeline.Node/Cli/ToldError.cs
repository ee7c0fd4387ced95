using Pipeline.Core;

namespace Pipeline.Node.Cli;

/// <summary>An error as programs are told of it.</summary>
/// <param name="Code">A kind of fault, or <c>usage</c>, <c>configuration</c>, <c>interrupted</c>, or <c>standing</c> of a table that a run could not bring on.</param>
/// <param name="Location">Where in a file; null: in none.</param>
internal sealed record ToldError(string Code, string Thing, string Cause, string? NextStep, string? Location = null)
{
    public static ToldError Of(Fault fault) => new(CodeOf(fault.Kind), fault.Thing, fault.Cause, fault.NextStep);

    public static string CodeOf(FaultKind kind) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());
}
