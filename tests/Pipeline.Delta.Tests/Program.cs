using Pipeline.Delta.Tests;

// Tests of several processes start this executable again; otherwise it runs the tests, as xunit's own entry point does.
if (args is [ChildProcess.Verb, ..]) return await ChildProcess.RunAsync(args[1..]);
return args.Any(argument => argument is "--server" or "--internal-msbuild-node")
    ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
