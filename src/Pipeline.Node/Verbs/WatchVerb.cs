using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Verbs;

/// <summary>The status of a running pipeline, again and again.</summary>
internal sealed class WatchVerb : Verb
{
    private const string Name = "watch";

    private static readonly TimeSpan EveryByDefault = TimeSpan.FromSeconds(2);

    private readonly Option<TimeSpan?> _every;
    private readonly Option<int?> _times;
    private readonly NodeOptions _node;

    public WatchVerb() : base(Name, "How a running pipeline is, again and again until it is interrupted: what 'status --running' says once. With -o json a document a line for each look.")
    {
        _every = Add(DurationOption.Create("--every", "How long between two looks: 500ms, 10s; 2s where nothing is said."));
        _times = Add(new Option<int?>("--times") { Description = "End after so many looks.", HelpName = "NUMBER" });
        _times.Validators.Add(result =>
        {
            if (TypedValue.Is(result.GetValueOrDefault<int?>, times => times is < 1)) result.AddError("--times must be at least 1.");
        });
        _node = new NodeOptions(Add, Add);
    }

    protected override bool HasTargets => false;

    protected override bool GoesOn => true;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var (context, times) = (invocation.Context, parsed.GetValue(_times));
        var frames = new Frames(context);
        using var pulse = new PeriodicTimer(parsed.GetValue(_every) is { Ticks: > 0 } every ? every : EveryByDefault, context.Time);
        for (var look = 1; ; look++)
        {
            // The last is what the verb itself is answered with.
            if (look == times) return await LookAsync(invocation, parsed, frames, isFirst: look == 1, cancellationToken);
            var one = invocation with { Answer = new Answer(Name) { IsOneOfMany = true }, Known = null };
            var code = await LookAsync(one, parsed, frames, isFirst: look == 1, cancellationToken);
            if (one.Format == OutputFormat.Json) one.Answer.Write(one.Context.Data, code);
            await pulse.WaitForNextTickAsync(cancellationToken);
        }
    }

    /// <summary>
    /// A node that goes away is waited for, or another is asked; one that was not there to begin with is an error. So is an answer that is none
    /// for now: the one who knows is silent, or of another release.
    /// </summary>
    private async Task<int> LookAsync(Invocation invocation, ParseResult parsed, Frames frames, bool isFirst, CancellationToken cancellationToken)
    {
        try
        {
            using var node = _node.Connect(invocation, parsed);
            var pipeline = await RunningPipeline.AskAsync(node, cancellationToken);
            return invocation.Format == OutputFormat.Table && Frames.AreFor(invocation.Context) ? RunningText.Draw(invocation, pipeline, frames) : RunningText.Print(invocation, pipeline, RunningText.TablesMax);
        }
        catch (PipelineException fault) when (!isFirst && fault.Kind is (FaultKind.Unreachable or FaultKind.Invalid))
        {
            foreach (var told in Faults.Of(invocation.Context, fault)) invocation.Answer.Take(told);
            return Faults.Report(invocation.Context, fault, invocation.IsVerbose);
        }
    }
}
