using System.CommandLine;
using System.Net.ServerSentEvents;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Verbs;

/// <summary>What a running node answers, as it is: for scripts, and for what has no verb of its own.</summary>
internal sealed class AskVerb : Verb
{
    private const string Name = "ask";

    private readonly Argument<string> _path;
    private readonly NodeOptions _node;

    public AskVerb() : base(Name, "Ask a running node, and print what it answers: /v1/openapi.json says what there is, /v1/events/stream goes on until it is interrupted, with -o json a document a line for each event.")
    {
        _path = Add(new Argument<string>("PATH") { Description = "What is asked for, as /v1/status." });
        _path.Validators.Add(result =>
        {
            if (TypedValue.Is(result.GetValueOrDefault<string?>, path => path?.StartsWith('/') != true)) result.AddError("PATH must begin with /, as /v1/status.");
        });
        _node = new NodeOptions(Add, Add);
    }

    protected override bool HasTargets => false;

    protected override bool HasRows => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var node = _node.Connect(invocation, parsed);
        using var answer = await node.GetAsync(parsed.GetRequiredValue(_path), cancellationToken);
        await using var content = await answer.Content.ReadAsStreamAsync(cancellationToken);
        if (invocation.Format == OutputFormat.Json)
        {
            if (answer.Content.Headers.ContentType?.MediaType == "text/event-stream") await TellAsync(invocation, content, cancellationToken);
            else invocation.Answer.Take("answer", Cell.Json(await new StreamReader(content).ReadToEndAsync(cancellationToken)));
            return ExitCode.Done;
        }

        using var body = new StreamReader(content);
        while (await body.ReadLineAsync(cancellationToken) is { } line)
        {
            await invocation.Context.Data.WriteLineAsync(line.AsMemory(), cancellationToken);
            await invocation.Context.Data.FlushAsync(cancellationToken);
        }

        return ExitCode.Done;
    }

    /// <summary>Each event as it comes; how the stream ended is the last document.</summary>
    private static async Task TellAsync(Invocation invocation, Stream events, CancellationToken cancellationToken)
    {
        invocation.Answer.IsOneOfMany = true;
        await foreach (var happened in SseParser.Create(events).EnumerateAsync(cancellationToken))
        {
            var one = new Answer(Name) { IsOneOfMany = true };
            one.Take("event", happened.EventType);
            one.Take("id", happened.EventId);
            one.Take("answer", Cell.Json(happened.Data));
            one.Write(invocation.Context.Data, ExitCode.Done);
            await invocation.Context.Data.FlushAsync(cancellationToken);
        }
    }
}
