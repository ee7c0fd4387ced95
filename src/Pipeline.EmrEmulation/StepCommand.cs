using System.CommandLine;
using System.Diagnostics;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Transform;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Jobs;

namespace Pipeline.EmrEmulation;

/// <summary>
/// One step, as Spark's program does it: the document is what was promised, its steps are interpreted, the answer is put last of
/// all. Ends with its server, whatever it is at.
/// </summary>
internal sealed class StepCommand : Command
{
    private readonly Option<string> _id = new("--id") { Description = "The step's, by which its process is found.", Required = true };
    private readonly Option<DirectoryInfo> _spill = new("--spill") { Description = "For what does not fit into memory.", Required = true };
    private readonly S3Arguments _s3 = new();
    private readonly Argument<string[]> _arguments = new("arguments") { Description = "spark-submit and its arguments.", Arity = ArgumentArity.OneOrMore };

    public StepCommand() : base("step", "Does the work of one step. The server starts it.")
    {
        foreach (var option in (Option[])[_id, _spill]) Options.Add(option);
        _s3.AddTo(this);
        Arguments.Add(_arguments);
        SetAction(RunAsync);
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        // Its server says when; none, and this process was never known to anybody.
        if (await Console.In.ReadLineAsync(CancellationToken.None) != "go") return 1;
        new Thread(DieWithServer) { IsBackground = true }.Start();
        var spill = parsed.GetRequiredValue(_spill).FullName;
        try
        {
            var submit = SparkSubmit.Parse(parsed.GetRequiredValue(_arguments));
            return await InterpretAsync(submit, spill, _s3.Of(parsed), cancellationToken);
        }
        catch (Exception e) when (e is PipelineException or FormatException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return e is FormatException ? 2 : 1;
        }
        finally
        {
            if (Directory.Exists(spill)) Directory.Delete(spill, recursive: true);
        }
    }

    private static async Task<int> InterpretAsync(SparkSubmit submit, string spill, S3Options s3, CancellationToken cancellationToken)
    {
        var (sha256, execution) = (submit.Argument("--sha256"), submit.Argument("--execution"));
        var time = TimeProvider.System;
        if (await BytesAsync(Place.Of(submit.Program, s3, time), cancellationToken) is null)
            throw new FormatException($"java.io.FileNotFoundException: File does not exist: {submit.Program}");
        var document = await BytesAsync(Place.Of(submit.Argument("--document"), s3, time), cancellationToken);
        if (document is null || JobDocument.Sha256Of(document) != sha256)
            throw new PipelineException(FaultKind.Invalid, "Job document", document is null ? "it is not there" : "it is not the one that was promised: its SHA-256 is another", "Submit it again.");
        var answer = Place.Of(submit.Argument("--answer"), s3, time);
        if (await answer.Store.TryStatAsync(answer.Name, cancellationToken) is not null)
            throw new PipelineException(FaultKind.Invalid, $"Execution {execution}", "its answer is there already", "Draw another execution.");

        var store = await Place.OpenTablesAsync(JobDocument.Read(document), s3, time, cancellationToken);
        var engine = new DuckDbEngine(store, new TransformOptions { TempDirectory = spill });
        var handle = await engine.SubmitAsync(document, execution, cancellationToken);
        var state = await engine.ObserveAsync(handle, cancellationToken);
        while (state is JobState.Running) state = await engine.ObserveAsync(handle, cancellationToken);
        return state switch
        {
            JobState.Answered { Answer: var answered } => await PutAsync(answer, answered, cancellationToken),
            JobState.Failed { Cause: PipelineException cause } => await PutAsync(answer, FailureOf(cause, sha256, execution), cancellationToken),
            JobState.Failed { Cause: var cause } => throw new InvalidOperationException("The interpreter has failed.", cause),
            _ => throw new InvalidOperationException("The interpreter has forgotten its execution."),
        };
    }

    private static JobAnswer FailureOf(PipelineException cause, string sha256, string execution) => new()
    {
        Format = JobDocument.CurrentFormat,
        Document = sha256,
        Execution = execution,
        Failure = new AnsweredFailure(KebabCase(cause.Kind), cause.Thing, cause.Cause, cause.NextStep),
    };

    private static async Task<int> PutAsync(Place place, JobAnswer answer, CancellationToken cancellationToken)
    {
        if (answer.Failure is { } failure) await Console.Error.WriteLineAsync($"{failure.Thing}: {failure.Cause}. {failure.Next}".ReplaceLineEndings(" "));
        if (await place.Store.PutIfAbsentAsync(place.Name, answer.ToUtf8(), cancellationToken) != PutOutcome.Created)
            throw new PipelineException(FaultKind.Invalid, $"Execution {answer.Execution}", "its answer is there already", "Draw another execution.");
        return answer.Failure is null ? 0 : 1;
    }

    private static ValueTask<byte[]?> BytesAsync(Place place, CancellationToken cancellationToken) => place.Store.TryGetAsync(place.Name, cancellationToken);

    private static string KebabCase(FaultKind kind) => string.Concat(kind.ToString().Select((c, i) => char.IsUpper(c) && i > 0 ? $"-{char.ToLowerInvariant(c)}" : char.ToLowerInvariant(c).ToString()));

    private static void DieWithServer()
    {
        Console.In.ReadToEnd();
        Process.GetCurrentProcess().Kill();
    }
}
