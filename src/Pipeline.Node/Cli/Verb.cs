using System.CommandLine;
using System.CommandLine.Parsing;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Cli;

/// <summary>One verb of the command line. Its options are fields, registered by the constructor.</summary>
internal abstract class Verb(string name, string description)
{
    private readonly Command _command = new(name, description);

    private readonly Option<string?> _lake = new("--lake")
    {
        Description = "The lake's directory or s3://bucket/prefix, instead of the configuration's.",
        HelpName = "LOCATION",
    };

    private readonly Option<string?> _target = new("--target") { Description = "Another lake, by its name in pipeline.targets, whose tables are made of a sample. Nothing of the pipeline's own lake is written.", HelpName = "NAME" };

    private readonly Option<string> _output = new Option<string>("--output", "-o")
    {
        Description = "How data is printed.",
        DefaultValueFactory = _ => "table",
    };

    private readonly Option<bool> _verbose = new("--verbose", "-v") { Description = "Log details, and show where unexpected errors come from." };

    private readonly Option<string?> _log = new Option<string?>("--log") { Description = "How a line of the log is written, instead of the configuration's log.format." }.AcceptOnlyFromAmong("text", "json");

    protected Option<string> Config { get; } = new("--config", "-c") { Description = "The configuration file.", HelpName = "FILE" };

    /// <summary>The name of the file in <c>hocon/</c> that is read when none is given.</summary>
    /// <param name="asked">Has the verb's other options.</param>
    protected virtual string DefaultConfig(SymbolResult asked) => "pipeline.conf";

    /// <summary>Whether its data are rows, which can be comma-separated values.</summary>
    protected virtual bool HasRows => true;

    /// <summary>Whether it is about a configuration's lake, of which there may be others for trying.</summary>
    protected virtual bool HasTargets => true;

    /// <summary>Whether a program is answered again and again until it ends, with a document a line.</summary>
    protected virtual bool GoesOn => false;

    public Command ToCommand(NodeContext context)
    {
        _output.AcceptOnlyFromAmong(HasRows ? ["table", "json", "csv"] : ["table", "json"]);
        Config.DefaultValueFactory = DefaultConfigPath;
        _command.Add(Config);
        _command.Add(_lake);
        if (HasTargets) _command.Add(_target);
        _target.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && TypedValue.Is(() => result.GetValue(_lake), lake => lake is not null)) result.AddError("--lake and --target both say which lake: leave one out.");
        });
        _command.Add(_output);
        _command.Add(_verbose);
        _command.Add(_log);
        _command.SetAction(async (parsed, cancellationToken) =>
        {
            var invocation = new Invocation(context, parsed.GetRequiredValue(Config), parsed.GetValue(_lake), Enum.Parse<OutputFormat>(parsed.GetRequiredValue(_output), ignoreCase: true), parsed.GetValue(_verbose))
            {
                Answer = new Answer(VerbName.Of(parsed.CommandResult)) { IsOneOfMany = GoesOn },
                Target = HasTargets ? parsed.GetValue(_target) : null,
                LogFormat = parsed.GetValue(_log) is { } format ? Enum.Parse<LogFormat>(format, ignoreCase: true) : null,
            };
            int code;
            try
            {
                code = await RunAsync(invocation, parsed, cancellationToken);
            }
            catch (Exception error)
            {
                // The process's outermost frame: whatever arrives here ends it with a sentence and an exit code.
                foreach (var told in Faults.Of(context, error)) invocation.Answer.Take(told);
                code = Faults.Report(context, error, invocation.IsVerbose);
            }

            if (invocation.Format == OutputFormat.Json) invocation.Answer.Write(context.Data, code);
            return code;
        });
        return _command;
    }

    protected abstract Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken);

    protected Option<T> Add<T>(Option<T> option)
    {
        _command.Add(option);
        return option;
    }

    protected Argument<T> Add<T>(Argument<T> argument)
    {
        // One that takes any word takes a misspelt option for it.
        argument.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.StartsWith("--", StringComparison.Ordinal))) result.AddError($"There is no option '{token.Value}'.");
        });
        _command.Add(argument);
        return argument;
    }

    /// <summary>The file in <c>hocon/</c> of the working directory; else the one that came with the program.</summary>
    private string DefaultConfigPath(SymbolResult asked)
    {
        var here = Path.Combine("hocon", DefaultConfig(asked));
        return File.Exists(here) ? here : Path.Combine(AppContext.BaseDirectory, here);
    }
}
