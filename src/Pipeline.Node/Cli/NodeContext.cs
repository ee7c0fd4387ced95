using Pipeline.Configuration;
using Spectre.Console;

namespace Pipeline.Node.Cli;

/// <summary>What a verb may touch of the world around it; tests pass their own.</summary>
internal sealed record NodeContext(TextWriter Data, TextWriter Messages, ReadEnvironmentVariable Environment, TimeProvider Time, Interruption? Interruption)
{
    /// <summary>Whether somebody watches: live progress and colours, else plain lines.</summary>
    public bool IsTerminal { get; init; }

    public static NodeContext OfProcess(Interruption interruption) =>
        new(Console.Out, Console.Error, System.Environment.GetEnvironmentVariable, TimeProvider.System, interruption)
        {
            IsTerminal = !Console.IsOutputRedirected && !Console.IsErrorRedirected,
        };

    /// <summary>A console on <see cref="Data"/>: as wide as the terminal; without one, wide enough that nothing is cut.</summary>
    public IAnsiConsole DataConsole() => Create(Data);

    public IAnsiConsole MessagesConsole() => Create(Messages);

    private IAnsiConsole Create(TextWriter writer)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = IsTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = IsTerminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!IsTerminal) console.Profile.Width = 240;
        return console;
    }
}
