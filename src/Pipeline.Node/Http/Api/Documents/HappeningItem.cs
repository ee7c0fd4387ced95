using Pipeline.Operations.Control;

namespace Pipeline.Node.Http.Api.Documents;

/// <summary>What has happened, as the lake has it.</summary>
/// <param name="Id">The same happening has the same, whoever has seen it.</param>
/// <param name="Kind">As <c>halted</c>, <c>node-started</c>, <c>wished</c>, <c>ordered</c>.</param>
/// <param name="Thing">A table, a source or a node.</param>
/// <param name="Who">An operator, or the node that has seen it.</param>
/// <param name="What">In the words of who said it: a cause, a reason, a release.</param>
/// <param name="NextStep">What helps; null: nothing is to be done.</param>
internal sealed record HappeningItem(string Id, DateTimeOffset At, string Kind, string Thing, string Who, string What, string? NextStep)
{
    public static HappeningItem Of(PipelineEvent happened) => new(happened.Id, happened.At, ControlWords.Of(happened.Kind), happened.Thing, happened.Who, happened.What, happened.NextStep);
}
