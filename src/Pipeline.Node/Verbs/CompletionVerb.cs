using System.CommandLine;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Verbs;

/// <summary>Prints what a shell needs to complete verbs, options and their values: it asks the program itself, which knows them.</summary>
internal sealed class CompletionVerb : Verb
{
    private const string Bash = """
        _pipeline() {
          local IFS=$'\n'
          COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$((COMP_POINT - ${#COMP_WORDS[0]} - 1))]" "${COMP_LINE#* }" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _pipeline pipeline ./pipeline
        """;

    private const string Zsh = "autoload -U +X bashcompinit && bashcompinit\n" + Bash;

    private readonly Argument<string> _shell;

    public CompletionVerb() : base("completion", "Print a script that completes this command in a shell: eval \"$(./pipeline completion bash)\".") =>
        _shell = Add(new Argument<string>("shell") { HelpName = "SHELL", Description = "bash or zsh." }.AcceptOnlyFromAmong("bash", "zsh"));

    protected override bool HasRows => false;

    protected override bool HasTargets => false;

    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var script = (parsed.GetRequiredValue(_shell) == "zsh" ? Zsh : Bash).ReplaceLineEndings("\n");
        if (invocation.Format == OutputFormat.Json) invocation.Answer.Take("text", script);
        else invocation.Context.Data.WriteLine(script);
        return Task.FromResult(ExitCode.Done);
    }
}
