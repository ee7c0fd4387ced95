using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;
using Pipeline.Operations.Sources;

namespace Pipeline.Node.Verbs;

internal sealed class BackfillVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;
    private readonly Option<bool> _full;
    private readonly Option<string?> _from;
    private readonly Option<string?> _to;

    public BackfillVerb() : base("backfill", "Read a Bronze table again, in a new epoch whose rows are newer. All of it: a captured table by a snapshot beside its stream, any other from the beginning of what its source has. Or a part of one that is read by watermark, or of a topic.")
    {
        _target = Add(TargetArgument.Create("A Bronze table."));
        _full = Add(new Option<bool>("--full") { Description = "All that the source has." });
        _from = Add(new Option<string?>("--from") { Description = "Where a part begins: a value of the watermark (41000, 2026-11-30T08:00:00Z); of a topic a time, or an offset of a partition (0:100).", HelpName = "PLACE" });
        _to = Add(new Option<string?>("--to") { Description = "Where it ends, which is not of it. None: all from there on. Records of a topic that are read again up to an end keep their order.", HelpName = "PLACE" });
    }

    protected override ControlCommand CommandOf(ParseResult parsed) => parsed.GetValue(_from) is { } from
        ? new ControlCommand(ControlVerb.BackfillPart, parsed.GetRequiredValue(_target), new BackfillRange(from, parsed.GetValue(_to)).ToString()) : new ControlCommand(ControlVerb.Backfill, parsed.GetRequiredValue(_target));

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var (isPart, hasEnd) = (parsed.GetValue(_from) is not null, parsed.GetValue(_to) is not null);
        if (parsed.GetValue(_full) == isPart || (hasEnd && !isPart))
        {
            var told = new ToldError("usage", "pipeline backfill", "it does not say what is to be read again", "Say either --full or --from PLACE, and with that --to PLACE where it ends.");
            invocation.Answer.Take(told);
            invocation.Context.Messages.WriteLine(told.NextStep);
            return ExitCode.Usage;
        }

        if (!isPart) return await base.RunAsync(invocation, parsed, cancellationToken);
        var (options, command) = (invocation.Load(), CommandOf(parsed));
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        // Its source says where the part lies.
        await using var sources = OpenSources.Open(options.Sources.Where(source => source.Name == command.Target.Table?.Source), invocation.Services(logs));
        using var control = LakeControl.Of(options, invocation.OpenLake(), sources, invocation.Context.Time);
        return await ChangeAsync(invocation, control, command, parsed, cancellationToken);
    }
}
