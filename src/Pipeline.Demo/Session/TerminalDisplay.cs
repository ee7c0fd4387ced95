using Pipeline.Node.Cli;

namespace Pipeline.Demo.Session;

/// <summary>A screen that is drawn again in its place.</summary>
internal sealed class TerminalDisplay(NodeContext context) : IDemoDisplay
{
    private readonly Frames _frames = new(context);
    private readonly Ink _ink = Ink.Of(context);

    public void Show(DemoProgress progress) => _frames.Show(size => DemoScreen.Lines(progress, size, _ink));
}
