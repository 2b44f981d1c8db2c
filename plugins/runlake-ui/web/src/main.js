import "@fontsource-variable/inter/wght.css";
import { mount } from "svelte";
import App from "./App.svelte";
import "./lib/theme.css";
import { theme } from "./lib/theme.svelte.js";

theme.start();
mount(App, { target: /** @type {HTMLElement} */ (document.getElementById("app")) });
