namespace Pipeline.Core;

/// <summary>For what one waits.</summary>
/// <param name="Text">For people, without a closing full stop.</param>
/// <param name="Cause">
/// What it comes down to: who goes on waiting for another cause is told again, whatever else the text counts.
/// </param>
public sealed record WaitReason(string Text, string Cause)
{
    /// <summary>One whose text is its cause.</summary>
    public WaitReason(string text)
        : this(text, text)
    {
    }

    /// <summary>What whoever looks after the thing can do, a sentence; null: wait.</summary>
    public string? NextStep { get; init; }

    /// <summary>All of it, without a closing full stop.</summary>
    internal string Said => NextStep is null ? Text : $"{Text}. {NextStep.TrimEnd('.', ';')}";
}
