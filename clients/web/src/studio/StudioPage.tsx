export default function P() { return <div class="page" />; }
