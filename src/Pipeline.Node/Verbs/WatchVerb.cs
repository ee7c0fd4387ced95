using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Verbs;

/// <summary>The status of a running pipeline, again and again.</summary>
internal sealed class WatchVerb : Verb
{
    private static readonly TimeSpan EveryByDefault = TimeSpan.FromSeconds(2);

    /// <summary>Lines of a screen that tables do not have: nodes, sources, what is waited for.</summary>
    private const int OtherLines = 18;

    private readonly Option<TimeSpan?> _every;
    private readonly Option<int?> _times;
    private readonly NodeOptions _node;

    public WatchVerb() : base("watch", "How a running pipeline is, again and again until it is interrupted: what 'status --running' says once.")
    {
        _every = Add(DurationOption.Create("--every", "How long between two looks: 500ms, 10s; 2s where nothing is said."));
        _times = Add(new Option<int?>("--times") { Description = "End after so many looks.", HelpName = "NUMBER" });
        _times.Validators.Add(result =>
        {
            if (TypedValue.Is(result.GetValueOrDefault<int?>, times => times is < 1)) result.AddError("--times must be at least 1.");
        });
        _node = new NodeOptions(Add, Add);
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var (context, times) = (invocation.Context, parsed.GetValue(_times));
        using var pulse = new PeriodicTimer(parsed.GetValue(_every) is { Ticks: > 0 } every ? every : EveryByDefault, context.Time);
        for (var look = 1; ; look++)
        {
            var code = await LookAsync(invocation, parsed, isFirst: look == 1, cancellationToken);
            if (look == times) return code;
            await pulse.WaitForNextTickAsync(cancellationToken);
        }
    }

    /// <summary>A node that goes away is waited for, or another is asked; one that was not there to begin with is an error.</summary>
    private async Task<int> LookAsync(Invocation invocation, ParseResult parsed, bool isFirst, CancellationToken cancellationToken)
    {
        try
        {
            using var node = _node.Connect(invocation, parsed);
            var pipeline = await RunningPipeline.AskAsync(node, cancellationToken);
            if (!invocation.Context.IsTerminal || invocation.Format != OutputFormat.Table) return RunningText.Print(invocation, pipeline, RunningText.TablesMax);
            var console = invocation.Context.DataConsole();
            console.Clear(home: true);
            return RunningText.Print(invocation, pipeline, Math.Max(1, console.Profile.Height - OtherLines));
        }
        catch (PipelineException fault) when (!isFirst && fault.Kind == FaultKind.Unreachable)
        {
            return Faults.Report(invocation.Context, fault, invocation.IsVerbose);
        }
    }
}
