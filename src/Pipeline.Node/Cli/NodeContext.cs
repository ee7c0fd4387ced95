using Pipeline.Configuration;
using Spectre.Console;

namespace Pipeline.Node.Cli;

/// <summary>What a verb may touch of the world around it; tests pass their own.</summary>
internal sealed record NodeContext(TextWriter Data, TextWriter Messages, ReadEnvironmentVariable Environment, TimeProvider Time, Interruption? Interruption)
{
    /// <summary>Whether somebody watches: live progress and colours, else plain lines.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>Of the terminal that <see cref="Data"/> go to, now; null: they go to none.</summary>
    public Func<TerminalSize>? Screen { get; init; }

    public static NodeContext OfProcess(Interruption interruption) =>
        new(Console.Out, Console.IsErrorRedirected ? Console.Error : TextWriter.Synchronized(new FoldingWriter(Console.Error, TerminalSize.OfProcess)), System.Environment.GetEnvironmentVariable, TimeProvider.System, interruption)
        {
            IsTerminal = !Console.IsOutputRedirected && !Console.IsErrorRedirected,
            Screen = Console.IsOutputRedirected ? null : TerminalSize.OfProcess,
        };

    /// <summary>A sentence among data: at a terminal no word of it is broken.</summary>
    /// <param name="hanging">Blanks before what does not fit on its line; null: two more than it begins with.</param>
    /// <param name="paint">Colours of a line; null: it has none.</param>
    public void Say(string sentence, int? hanging = null, Func<string, string>? paint = null)
    {
        foreach (var line in sentence.Split('\n').SelectMany(line => Prose.Fold(line, Screen?.Invoke().Width, hanging))) Data.WriteLine(paint?.Invoke(line) ?? line);
    }

    /// <summary>For questions to people.</summary>
    public IAnsiConsole MessagesConsole()
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(IsTerminal ? Console.Error : Messages),
            Ansi = IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = IsTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = IsTerminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!IsTerminal) console.Profile.Width = 240;
        return console;
    }
}
