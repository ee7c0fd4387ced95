using System.Diagnostics;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Http.Api.Documents;

/// <param name="Id">Of a plan.</param>
/// <param name="Reason">What people read later.</param>
internal sealed record ApplyRequest(string Id, string Reason);

/// <param name="Outcome"><c>recorded</c>, <c>repeated</c> (it was before: nothing happens again), <c>not_recorded_yet</c> (the lake is away; nodes that are reached do it).</param>
/// <param name="Id">Of the wish or order that it has become.</param>
internal sealed record AppliedDocument(int SchemaVersion, string Outcome, string Id)
{
    public static AppliedDocument Of(Applied applied) => applied switch
    {
        Applied.Recorded recorded => new(ApiJson.SchemaVersion, "recorded", recorded.Id),
        Applied.Repeated repeated => new(ApiJson.SchemaVersion, "repeated", repeated.Id),
        Applied.NotRecordedYet later => new(ApiJson.SchemaVersion, "not_recorded_yet", later.Id),
        _ => throw new UnreachableException(),
    };
}
